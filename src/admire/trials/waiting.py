"""Trials that were left as they are because something was broken, or storage: they have no record, and their outputs say so.

The workflow takes such an output for done, so that it neither tries again two dozen times nor stands still; before anything is
learnt from it the output is removed and the run ends, and the same command goes on with the trial.
"""

from __future__ import annotations

from pathlib import Path

from admire.campaign.layout import Layout, TrialLayout
from admire.errors import StorageError, TrialError
from admire.output.screen import say_error
from admire.trials.ledger import Ledger, Trial
from admire.trials.records import held_back, hold_back


def waiting(ledger: Ledger) -> list[tuple[Trial, str]]:
    """Trials that were left as they are, each with the reason."""
    found = ((trial, _reasons(trial.files(ledger.campaign.results))) for trial in ledger.trials)
    return [(trial, why[0]) for trial, why in found if why]


def left_waiting(output: Path, error: StorageError) -> bool:
    """Say, and note where a record would stand, that storage ended the work; False where not even that can be written."""
    say_error(f"admire: {error}")
    try:
        hold_back(output, str(error))
    except OSError:
        return False
    return True


def release(ledger: Ledger, decision: str) -> None:
    """Let the workflow go on with the trials of a decision that were left as they are.

    Raises:
        TrialError: if there are any: nothing can be learnt from the decision before they are trained and scored.
    """
    of_this = [trial.files(ledger.campaign.results) for trial in ledger.trials if trial.decision == decision]
    if back := [why for trial in of_this for why in _released(trial)[:1]]:
        trials = f"{len(back)} trials of {decision} were" if len(back) > 1 else f"a trial of {decision} was"
        raise TrialError(f"{trials} left without an outcome ({back[0]}); the same command goes on")


def release_all(results: Layout) -> int:
    """Let the workflow go on with every trial in a results folder that was left as it is; returns how many there were."""
    shares = (training for path in results.root.glob("trials/*/*") for training in TrialLayout(path).begun())
    return sum(bool(_released(trial)) for trial in shares)


def _released(trial: TrialLayout) -> list[str]:
    """Why a trial was left as it is; it no longer is."""
    why = _reasons(trial)
    for path in _outputs(trial):
        if held_back(path) is not None:
            path.unlink()
    return why


def _reasons(trial: TrialLayout) -> list[str]:
    return [why for path in _outputs(trial) if (why := held_back(path)) is not None]


def _outputs(trial: TrialLayout) -> list[Path]:
    return [trial.train(), *trial.outcome.glob("evaluate/*.json")]
