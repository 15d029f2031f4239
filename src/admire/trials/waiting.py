"""Trials that were left without an outcome, because of the circuit breaker or an error of storage. They have no record, and one of
their outputs names the reason.

The workflow takes such an output as done, so it neither repeats the trial two dozen times nor stops all others. Before anything is
learnt from the trial, the output is removed and the run ends; when the same command is run again, it continues with the trial.
"""

from __future__ import annotations

from pathlib import Path

from admire.campaign.layout import Layout, TrialLayout
from admire.errors import StorageError, TrialError
from admire.output.screen import say_error
from admire.trials.ledger import Ledger, Trial
from admire.trials.records import held_back, hold_back


def waiting(ledger: Ledger) -> list[tuple[Trial, str]]:
    """The trials that were left without an outcome, each with the reason."""
    found = ((trial, _reasons(trial.files(ledger.campaign.results))) for trial in ledger.trials)
    return [(trial, why[0]) for trial, why in found if why]


def left_waiting(output: Path, error: StorageError) -> bool:
    """Print that an error of storage ended the work, and note it in place of the record `output`; False if that fails too."""
    say_error(f"admire: {error}")
    try:
        hold_back(output, str(error))
    except OSError:
        return False
    return True


def release(ledger: Ledger, decision: str) -> None:
    """Remove the notes of a decision's trials that were left without an outcome, so that the workflow continues with them.

    Raises:
        TrialError: if there are any, because nothing can be learnt from the decision before they are trained and scored.
    """
    of_this = [trial.files(ledger.campaign.results) for trial in ledger.trials if trial.decision == decision]
    if back := [why for trial in of_this for why in _released(trial)[:1]]:
        trials = f"{len(back)} trials of {decision} were" if len(back) > 1 else f"a trial of {decision} was"
        raise TrialError(f"{trials} left without an outcome ({back[0]}); the same command goes on")


def release_all(results: Layout) -> int:
    """Do the same for all trials in a results folder, without an error; returns the number of trials that had such notes."""
    shares = (training for path in results.root.glob("trials/*/*") for training in TrialLayout(path).begun())
    return sum(bool(_released(trial)) for trial in shares)


def _released(trial: TrialLayout) -> list[str]:
    """Remove the notes of a trial that was left without an outcome, and return the reasons that they named."""
    why = _reasons(trial)
    for path in _outputs(trial):
        if held_back(path) is not None:
            path.unlink()
    return why


def _reasons(trial: TrialLayout) -> list[str]:
    return [why for path in _outputs(trial) if (why := held_back(path)) is not None]


def _outputs(trial: TrialLayout) -> list[Path]:
    return [trial.train(), *trial.outcome.glob("evaluate/*.json")]
