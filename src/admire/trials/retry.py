"""Reopening failed trials: their records are archived, so that the next run trains or scores them again."""

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
    """The trial of any model whose digest begins with `digest`.

    Raises:
        TrialError: if there is no such trial, or more than one.
    """
    found = sorted(results.root.glob(f"trials/*/{digest}*/spec.json")) if digest.isalnum() else []
    if len(found) != 1:
        say = "no trial has this digest" if not found else f"{len(found)} trials begin with it, give more digits"
        raise TrialError(f"{digest}: {say}; {results.root}/campaigns/*/results.csv lists digests")
    return TrialLayout(found[0].parent)


def failed_trials(results: Layout, campaigns: Sequence[str] = (), reason: str = "") -> list[TrialLayout]:
    """The trainings that failed or could not be scored, of the named campaigns or of the whole results folder.

    Args:
        campaigns: names of campaigns; if empty, all trials in the folder are searched.
        reason: return only trainings whose reason contains this text, ignoring case.

    Raises:
        TrialError: if there is no such training.
        ConfigError: if one of the campaigns has not run in this results folder.
    """
    found = _failed_of(results, campaigns) if campaigns else _failed_in(results)
    chosen = [trial for trial, why in found if reason.casefold() in why.casefold()]
    if not chosen:
        of = f" of {', '.join(campaigns)}" if campaigns else f" under {results.root}"
        that = f" for a reason that holds '{reason}'" if reason else ""
        raise TrialError(f"no trial{of} has failed{that}; `admire status NAME` lists what has")
    return chosen


def _failed_of(results: Layout, campaigns: Sequence[str]) -> Iterator[tuple[TrialLayout, str]]:
    """The failed trials of the named campaigns, each once and with its reason."""
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
                yield trial, f"{words}; {why}"  # A user may search for either text, because `admire status` shows both.


def _failed_in(results: Layout) -> Iterator[tuple[TrialLayout, str]]:
    """The failed trials of a results folder, of whatever campaign, each with its reason."""
    for path in sorted(results.root.glob("trials/*/*/spec.json")):
        for trial in TrialLayout(path.parent).begun():
            if (why := reason_of(trial)) is not None:
                yield trial, why


def reason_of(trial: TrialLayout) -> str | None:
    """Why a training failed or could not be scored; None if it has done neither."""
    record = read_training(trial.train())
    if record is None:
        return None
    if record.status == "failed":
        return record.reason or ""
    records = [read_evaluation(path) for path in failed_suites(trial)]
    reasons = [record.reason or "; ".join(record.missing.values()) for record in records if record is not None]
    return "; ".join(dict.fromkeys(reasons)) if reasons else None


def failed_training(trial: TrialLayout) -> TrialLayout:
    """The shortest training of a trial that failed or could not be scored; the training over all steps if none did."""
    for training in trial.begun():
        record = read_training(training.train())
        if record is not None and (record.status == "failed" or failed_suites(training)):
            return training
    return trial


def failed_suites(trial: TrialLayout) -> list[Path]:
    """The paths of the records of suites that have no score for one or all of their metrics, whichever campaign requested them."""
    found = []
    names = {path.name for folder in ("evaluate", "evaluate/kept") for path in (trial.outcome / folder).glob("*.json")}
    for name in sorted(names):
        path = trial.outcome / "evaluate" / name
        record = read_evaluation(path)
        if record is not None and (record.status == "failed" or record.missing):
            found.append(path)
    return found


def reopen(trial: TrialLayout) -> Path:
    """Archive the records of a failed training or failed suites; returns the archive's folder.

    After a failed training, its record and those of the skipped evaluations are archived; checkpoints and the list of attempts
    stay in place. After a finished training, only the records of suites that could not be scored are archived, and it is not
    trained again.

    Raises:
        TrialError: if neither the training nor a suite has failed.
        BusyError: if a process is training the trial.
    """
    with Lease(trial.lease).hold(wait=False) as taken:
        if not taken:
            raise BusyError(f"{trial.folder}: a process is training this trial; wait for it, or end it")
        record = read_training(trial.train())
        if record is None:
            raise TrialError(f"{trial.folder}: this trial is open already; run the workflow, which trains it")
        archive = trial.outcome / "archive" / time.strftime("%Y%m%dT%H%M%S")
        # The kept copy is moved last: as long as it is there, the trial counts as failed and this function can be called again.
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
