"""What the digests in paths stand for: whose source, whose tokenizer, which split of a suite."""

from __future__ import annotations

from dataclasses import dataclass

from admire.campaign.recipes import source_digests, suite_digest, tokenizer_digest, tokenizer_owner
from admire.loop.runs import Runs

SPLITS = ("validation", "test")


@dataclass(frozen=True)
class DigestOwners:
    """The meaning of each digest that a path of this run may hold.

    Attributes:
        sources: (source, digest) -> the name of the campaign whose entry it is.
        tokenizers: the digest of each tokenizer that is trained -> the name of the campaign whose sources train it.
        splits: (suite, its eight digits) -> the split that is scored.
    """

    sources: dict[tuple[str, str], str]
    tokenizers: dict[str, str]
    splits: dict[tuple[str, str], str]


def digest_owners(runs: Runs) -> DigestOwners:
    """The digests of a run's campaigns.

    Raises:
        ConfigError: if a file that a digest is made of cannot be read.
    """
    return DigestOwners(
        sources={(source, digest): name for name, one in runs.owners for source, digest in source_digests(one).items()},
        tokenizers=_tokenizers(runs),
        splits={
            (suite, suite_digest(runs.campaign, suite, split)): split
            for suite in runs.campaign.evaluation
            for split in SPLITS
        },
    )


def _tokenizers(runs: Runs) -> dict[str, str]:
    found = {}
    for name, one in runs.owners:
        trained = tokenizer_owner(one)
        if trained is not None:
            lending = (other for other, lender in runs.lenders.items() if lender.campaign == trained)
            found[tokenizer_digest(one)] = next(lending, name)
    return found
