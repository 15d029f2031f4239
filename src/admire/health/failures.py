"""Trials that failed: those with the same error are one finding."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterator

from admire.campaign.schema.campaign import Campaign
from admire.health.finding import Finding
from admire.trials.breaker import kind_of, words_of
from admire.trials.ledger import Ledger, Trial

NAMED = 3  # trials whose digests are spelled out
QUOTED = 60  # characters of a reason that name it on the command line


def failed_trials(campaign: Campaign, ledger: Ledger) -> Iterator[Finding]:
    """Failed trials, grouped by their error."""
    by_kind: dict[str, list[Trial]] = defaultdict(list)
    for trial in ledger.trials:
        if trial.state == "failed":
            by_kind[kind_of(trial.reason)].append(trial)
    for trials in by_kind.values():
        named = ", ".join(f"{trial.fidelity} {trial.spec.digest}" for trial in trials[:NAMED])
        count = f"{len(trials)} trials: " if len(trials) > 1 else ""
        more = f" and {len(trials) - NAMED} more" if len(trials) > NAMED else ""
        reason = str(trials[-1].reason)
        yield Finding(
            "failed", f"{count}{named}{more}: {reason}", f"to try again: {_retry(campaign, trials, len(by_kind))}"
        )


def _retry(campaign: Campaign, trials: list[Trial], kinds: int) -> str:
    if len(trials) <= NAMED:
        return f"admire retry {' '.join(trial.spec.digest for trial in trials)}"
    if kinds == 1:
        return f"admire retry --all {campaign.name}"
    return f"admire retry {campaign.name} --reason {shlex.quote(_telling(trials))}"


def _telling(trials: list[Trial]) -> str:
    """Words of the error that all of these trials' reasons hold."""
    words = words_of(str(trials[-1].reason))
    shared = words[: min(_same(words, str(trial.reason)) for trial in trials)]
    return shared[:QUOTED].strip()


def _same(words: str, reason: str) -> int:
    """How many characters of `words`, from its beginning, another reason holds too."""
    return next(length for length in range(len(words), -1, -1) if words[:length] in reason)
