"""Trials that failed, as one finding per error."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterator

from admire.campaign.schema.campaign import Campaign
from admire.health.finding import Finding
from admire.trials.breaker import kind_of, words_of
from admire.trials.ledger import Ledger, Trial

MOST_DIGESTS = 3  # A finding with more trials says how many more there are, so that it stays one line.
REASON_LENGTH = 60  # So many characters of a reason are enough for `admire retry --reason` to select its trials.


def failed_trials(campaign: Campaign, ledger: Ledger) -> Iterator[Finding]:
    """One finding per error, with the command that opens the trials which failed with it."""
    by_kind: dict[str, list[Trial]] = defaultdict(list)
    for trial in ledger.trials:
        if trial.state == "failed":
            by_kind[kind_of(trial.reason)].append(trial)
    for trials in by_kind.values():
        named = ", ".join(f"{trial.fidelity} {trial.spec.digest}" for trial in trials[:MOST_DIGESTS])
        count = f"{len(trials)} trials: " if len(trials) > 1 else ""
        more = f" and {len(trials) - MOST_DIGESTS} more" if len(trials) > MOST_DIGESTS else ""
        reason = str(trials[-1].reason)
        yield Finding(
            "failed", f"{count}{named}{more}: {reason}", f"to try again: {_retry(campaign, trials, len(by_kind))}"
        )


def _retry(campaign: Campaign, trials: list[Trial], kinds: int) -> str:
    if len(trials) <= MOST_DIGESTS:
        return f"admire retry {' '.join(trial.spec.digest for trial in trials)}"
    if kinds == 1:
        return f"admire retry --all {campaign.name}"
    return f"admire retry {campaign.name} --reason {shlex.quote(_shared_words(trials))}"


def _shared_words(trials: list[Trial]) -> str:
    """The beginning of the error that the reasons of all these trials contain."""
    words = words_of(str(trials[-1].reason))
    shared = words[: min(_shared_length(words, str(trial.reason)) for trial in trials)]
    return shared[:REASON_LENGTH].strip()


def _shared_length(words: str, reason: str) -> int:
    """The length of the longest beginning of `words` that `reason` contains."""
    return next(length for length in range(len(words), -1, -1) if words[:length] in reason)
