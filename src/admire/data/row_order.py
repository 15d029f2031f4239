"""The order of rows in a trial's data, from sorting a keyed hash of row numbers.

Such an order is the same on every machine and in every future version, which the stream of a random generator does not guarantee.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from admire.campaign.json_hash import canonical


def key_of(*parts: str | int) -> np.uint64:
    """A 64-bit key from all values on which an order should depend: purpose, seed, content."""
    return np.uint64(int.from_bytes(hashlib.sha256(canonical(list(parts)).encode()).digest()[:8], "little"))


def keyed_hash(rows: np.ndarray, key: np.uint64) -> np.ndarray:
    """One 64-bit hash per row number: two rounds of splitmix64's finaliser, which is a bijection for each key.

    Args:
        rows: n row numbers.

    Returns:
        n hashes (uint64); those of distinct rows are distinct.
    """
    with np.errstate(over="ignore"):
        z = rows.astype(np.uint64) ^ key
        for _ in range(2):
            z = z + np.uint64(0x9E3779B97F4A7C15)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z = z ^ (z >> np.uint64(31))
    return z


def permutation(n: int, key: np.uint64) -> np.ndarray:
    """The row numbers 0..n-1 (int64) in the order of their keyed hashes."""
    return np.argsort(keyed_hash(np.arange(n, dtype=np.uint64), key), kind="stable")


@dataclass(frozen=True)
class Drawn:
    """The rows that a mixture draws from one source.

    Args:
        sha256: digest of the content of the source's training rows.
        available: number of rows that the source has.
        rows: number of rows to draw; more than `available` means more than one epoch.
    """

    sha256: str
    available: int
    rows: int


def mix(drawn: list[Drawn], seed: int) -> np.ndarray:
    """The mixture's rows in training order.

    Args:
        drawn: the sources in the order in which they are concatenated.
        seed: decides which rows are drawn first, and the order.

    Returns:
        Row numbers into the concatenated sources, as many as the sum of `rows`; uint32 if they fit, else uint64.
    """
    offset, rows, hashes = 0, [], []
    for source in drawn:
        order = permutation(source.available, key_of("subset", seed, source.sha256))
        for epoch, start in enumerate(range(0, source.rows, source.available)):
            taken = order[: min(source.available, source.rows - start)]
            rows.append(taken + offset)
            hashes.append(keyed_hash(taken, key_of("order", seed, source.sha256, epoch)))
        offset += source.available
    index = np.concatenate(rows)[np.argsort(np.concatenate(hashes), kind="stable")]
    return index.astype("<u4" if offset <= 2**32 else "<u8")
