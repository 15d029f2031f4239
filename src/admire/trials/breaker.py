"""The circuit breaker: when trials of one model size fail with the same error, a campaign requests no further trial.

It is a pure function of the ledger and resets itself: `admire retry` takes failed rows out of the ledger, and a trial of that size
that succeeds shows that the size is not the cause. Errors that a mixture can cause (a loss that diverges, a score that is not a
number) do not count, because they say nothing about the next mixture.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from admire.campaign.layout import TrialLayout, kept
from admire.campaign.schema.campaign import Campaign
from admire.errors import TrialError
from admire.trials.attempts import Attempts
from admire.trials.ledger import Ledger, Trial, rows
from admire.trials.records import hold_back

NOT_BEGUN = "not begun"
# The breaker trips after FIRST equal failures of a size of which no trial has succeeded, and otherwise after LATER in a row.
FIRST = 3
LATER = 5
OF_THE_MIXTURE = re.compile(r"^(the loss is |the gradient's norm is |diverged\b)|which is no score")
GIVEN_UP = re.compile(r"^given up after \d+ attempts?, the last one: ")
ATTEMPTS = re.compile(r" \(\d+ attempts\)")
# Folders, digests, addresses and numbers differ between two occurrences of one error, so they are left out of the comparison.
PARTICULARS = re.compile(r"\(Slurm job \d+ on \S+\)|(?<!\w)[~.\w-]*/\S+|0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+(\.\d+)?")


@dataclass(frozen=True)
class Broken:
    """A model size of which no further trial is requested.

    Attributes:
        of: the failed trials in words, for example `the first 3 trials of size S`.
        trials: the trials that failed with the same error.
    """

    of: str
    trials: tuple[Trial, ...]

    @property
    def error(self) -> str:
        """The error in the words of the last trial that met it."""
        return words_of(self.trials[-1].reason or "")

    def __str__(self) -> str:
        named = ", ".join(f"{trial.fidelity} {trial.spec.digest}" for trial in self.trials[:3])
        same = " with the same error" if len(self.trials) > 1 else ""
        return f"{self.of} failed{same} ({self.error}): {named}"


def words_of(reason: str) -> str:
    """The error that a reason names, without the number of attempts."""
    return ATTEMPTS.sub("", GIVEN_UP.sub("", reason))


def kind_of(reason: str | None) -> str:
    """The part of a reason that all occurrences of one error have in common; equal for equal errors."""
    return PARTICULARS.sub("#", words_of(reason or ""))


def broken(ledger: Ledger) -> list[Broken]:
    """The model sizes of which no further trial is requested, each with the trials that failed with the same error."""
    by_size: dict[str, list[Trial]] = defaultdict(list)
    for trial in ledger.trials:
        if trial.state in ("done", "failed"):
            by_size[trial.model].append(trial)
    found = (_broken(size, trials) for size, trials in by_size.items())
    return [one for one in found if one is not None]


def _broken(size: str, ended: list[Trial]) -> Broken | None:
    if all(trial.state == "failed" for trial in ended):
        alike = _alike(ended)
        return Broken(f"the first {len(alike)} trials of size {size}", alike) if len(alike) >= FIRST else None
    last = tuple(ended[-LATER:])
    if all(trial.state == "failed" for trial in last) and len(_alike(last)) == LATER:
        return Broken(f"the last {LATER} trials of size {size}", last)
    return None


def _alike(failed: Iterable[Trial]) -> tuple[Trial, ...]:
    """The largest group of trials that failed with the same error."""
    by_kind: dict[str, list[Trial]] = defaultdict(list)
    for trial in failed:
        if not OF_THE_MIXTURE.search(words_of(trial.reason or "")):
            by_kind[kind_of(trial.reason)].append(trial)
    return max(map(tuple, by_kind.values()), key=len, default=())


def check(campaign: Campaign, ledger: Ledger, final: bool = False) -> None:
    """Refuse a further decision if the breaker has tripped.

    Args:
        final: whether it is the final decision, which is refused as soon as all trials failed alike, however few they were.

    Raises:
        TrialError: names the error, the trials and the command that resets the breaker.
    """
    if found := standing(ledger, final):
        total, unit = campaign.total, campaign.budget.unit
        raise TrialError(
            f"campaign '{campaign.name}' asks for no further trial: {found[0]}. Fix that, type `{command(campaign)}`, and the "
            f"same command goes on; {total - ledger.committed:.4g} of {total:.4g} {unit} are left"
        )


def standing(ledger: Ledger, final: bool) -> list[Broken]:
    """The failures that forbid a further decision, or the final one if `final`; empty if it may be made."""
    return broken(ledger) or (_untrained(ledger) if final else [])


def command(campaign: Campaign) -> str:
    """The command that resets the breaker once the error is fixed."""
    return f"admire retry --all {campaign.name}"


def _untrained(ledger: Ledger) -> list[Broken]:
    """The failures that forbid a final training: all trials so far failed, and with the same error."""
    ended = [trial for trial in ledger.trials if trial.state in ("trained", "done", "failed")]
    alike = _alike(trial for trial in ended if trial.state == "failed")
    of = f"all {len(alike)} trials so far" if len(alike) > 1 else "the only trial so far"
    return [Broken(of, alike)] if ended and len(alike) == len(ended) else []


def never_trained(ledger: Ledger) -> list[str]:
    """One sentence per model size of which trials were run and all of them failed."""
    said = []
    for model in ledger.campaign.models:
        ended = [
            trial
            for trial in ledger.trials
            if trial.model == model.name and trial.state in ("trained", "done", "failed")
        ]
        if ended and all(trial.state == "failed" for trial in ended):
            tried = f"all {len(ended)} trials" if len(ended) > 1 else "the only trial"
            said.append(f"{tried} of size {model.name} failed, the last one: {words_of(ended[-1].reason or '')}")
    return said


def keeps_back(campaign: Campaign, trial: TrialLayout) -> bool:
    """Whether the breaker keeps a trial that was decided, but never begun, from beginning; if so, its output says so.

    This is called whenever a trial starts, so it stops reading the ledger at the first success of the same size.
    """
    if kept(trial.train()).is_file() or Attempts(trial.attempts).count:
        return False
    size, failed = trial.folder.parent.name, []
    for row in rows(campaign):
        if row.model == size and row.state == "failed":
            failed.append(row)
        elif row.model == size and row.state in ("trained", "done"):
            return False
    found = _broken(size, failed) if failed else None
    if found is None:
        return False
    hold_back(trial.train(), f"{NOT_BEGUN}: {found}")
    return True
