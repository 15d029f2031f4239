"""Opening a failed trial again: its records are archived, so that the next run trains it, or scores it, once more."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from admire.campaign.layout import Layout, TrialLayout, kept
from admire.campaign.loading import load
from admire.errors import BusyError, ConfigError, TrialError
from admire.trials.lease import Lease
from admire.trials.ledger import base_specs, rows
from admire.trials.records import read_evaluation, read_training


def find_trial(results: Layout, digest: str) -> TrialLayout:
    """The trial whose digest begins with `digest`, whatever its model is called.

    Raises:
        TrialError: if there is none, or more than one.
    """
    found = sorted(results.root.glob(f"trials/*/{digest}*/spec.json")) if digest.isalnum() else []
    if len(found) != 1:
        say = "no trial has this digest" if not found else f"{len(found)} trials begin with it, give more digits"
        raise TrialError(f"{digest}: {say}; {results.root}/campaigns/*/results.csv lists digests")
    return TrialLayout(found[0].parent)


def failed_trials(results: Layout, campaigns: Sequence[str] = (), reason: str = "") -> list[TrialLayout]:
    """The trainings that failed or could not be scored, of some campaigns or of all in the results folder.

    Args:
        campaigns: their names; none means every trial in the folder.
        reason: only those whose reason holds this, in whatever case.

    Raises:
        TrialError: if there is none.
        ConfigError: if a campaign is not there.
    """
    found = _failed_of(results, campaigns) if campaigns else _failed_in(results)
    chosen = [trial for trial, why in found if reason.casefold() in why.casefold()]
    if not chosen:
        of = f" of {', '.join(campaigns)}" if campaigns else f" under {results.root}"
        that = f" for a reason that holds '{reason}'" if reason else ""
        raise TrialError(f"no trial{of} has failed{that}; `admire status NAME` lists what has")
    return chosen


def _failed_of(results: Layout, campaigns: Sequence[str]) -> Iterator[tuple[TrialLayout, str]]:
    """The failed trials of campaigns, each once, with their reasons."""
    seen = set()
    for name in campaigns:
        config = results.campaign(name).config
        if not config.is_file():
            known = (
                ", ".join(sorted(path.parent.name for path in results.root.glob("campaigns/*/campaign.yaml"))) or "none"
            )
            raise ConfigError(f"no campaign called '{name}' has run under {results.root} (those that have: {known})")
        campaign = load(config).model_copy(update={"results": str(results.root)})
        said = {trial.files(results.root): trial.reason for trial in rows(campaign)}
        said |= {results.trial(spec.model, spec.digest): None for spec, _ in base_specs(campaign)}
        for trial, words in said.items():
            if (why := reason_of(trial)) is not None and trial not in seen:
                seen.add(trial)
                yield trial, f"{words}; {why}"  # either is what `admire status` may have shown


def _failed_in(results: Layout) -> Iterator[tuple[TrialLayout, str]]:
    """The failed trials of a results folder, whoever asked for them, with their reasons."""
    for path in sorted(results.root.glob("trials/*/*/spec.json")):
        for trial in TrialLayout(path.parent).begun():
            if (why := reason_of(trial)) is not None:
                yield trial, why


def reason_of(trial: TrialLayout) -> str | None:
    """Why a training failed or could not be scored; None where neither is so."""
    record = read_training(trial.train())
    if record is None:
        return None
    if record.status == "failed":
        return record.reason or ""
    records = [read_evaluation(path) for path in failed_suites(trial)]
    reasons = [record.reason or "; ".join(record.missing.values()) for record in records if record is not None]
    return "; ".join(dict.fromkeys(reasons)) if reasons else None


def failed_training(trial: TrialLayout) -> TrialLayout:
    """The training of a trial that failed or could not be scored, to whatever share of its steps; the whole one where none did."""
    for training in trial.begun():
        record = read_training(training.train())
        if record is not None and (record.status == "failed" or failed_suites(training)):
            return training
    return trial


def failed_suites(trial: TrialLayout) -> list[Path]:
    """The records of suites that could not be scored, wholly or in a metric, whichever campaign asked for them."""
    found = []
    names = {path.name for folder in ("evaluate", "evaluate/kept") for path in (trial.outcome / folder).glob("*.json")}
    for name in sorted(names):
        path = trial.outcome / "evaluate" / name
        record = read_evaluation(path)
        if record is not None and (record.status == "failed" or record.missing):
            found.append(path)
    return found


def reopen(trial: TrialLayout) -> Path:
    """Archive what failed; returns the archive's folder.

    Of a training that failed these are its record and the evaluations that were skipped for it; checkpoints and the list of
    attempts stay. Of one that is finished these are the records of the suites that could not be scored: it is not trained again.

    Raises:
        TrialError: if the trial has not failed.
        BusyError: if a process is at work on it.
    """
    with Lease(trial.lease).hold(wait=False) as taken:
        if not taken:
            raise BusyError(f"{trial.folder}: a process is training this trial; wait for it, or end it")
        record = read_training(trial.train())
        if record is None:
            raise TrialError(f"{trial.folder}: this trial is open already; run the workflow, which trains it")
        archive = trial.outcome / "archive" / time.strftime("%Y%m%dT%H%M%S")
        # the kept copy goes last: while it is there, the trial counts as failed and this can be run again
        if record.status == "failed":
            files = [*trial.outcome.glob("evaluate/*.json"), *trial.outcome.glob("evaluate/kept/*.json")]
            files += [trial.train(), kept(trial.train())]
        else:
            suites = failed_suites(trial)
            if not suites:
                raise TrialError(
                    f"{trial.folder}: this trial is trained and scored; a finished trial is never trained again"
                )
            files = [file for path in suites for file in (path.with_suffix(".attempts.jsonl"), path, kept(path))]
        for path in files:
            if path.is_file():
                target = archive / path.relative_to(trial.outcome)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.rename(path, target)
    return archive
