"""Opening a failed trial again: its records are archived, so that the next run trains it, or scores it, once more."""

from __future__ import annotations

import os
import time
from pathlib import Path

from admire.campaign.layout import Layout, TrialLayout, kept
from admire.errors import BusyError, TrialError
from admire.trials.lease import Lease
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
