"""Opening a failed trial again: its records are archived, so that the next run trains it once more."""

from __future__ import annotations

import os
import time
from pathlib import Path

from admire.campaign.layout import Layout, TrialLayout, kept
from admire.errors import BusyError, TrialError
from admire.trials.lease import Lease
from admire.trials.records import read_training


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
    """The training of a trial that failed, to whatever share of its steps; the whole one where none did."""
    for training in trial.begun():
        record = read_training(training.train())
        if record is not None and record.status == "failed":
            return training
    return trial


def reopen(trial: TrialLayout) -> Path:
    """Archive a failed training's record and the evaluations that were skipped for it; returns the archive's folder.

    Checkpoints and the list of attempts stay.

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
        if record.status != "failed":
            raise TrialError(f"{trial.folder}: this trial is trained; a finished trial is never trained again")
        archive = trial.outcome / "archive" / time.strftime("%Y%m%dT%H%M%S")
        # the training's kept copy goes last: while it is there, the trial counts as failed and this can be run again
        files = [*trial.outcome.glob("evaluate/*.json"), *trial.outcome.glob("evaluate/kept/*.json")]
        for path in [*files, trial.train(), kept(trial.train())]:
            if path.is_file():
                target = archive / path.relative_to(trial.outcome)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.rename(path, target)
    return archive
