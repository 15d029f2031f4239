"""Orders that come from sorting a keyed hash of row numbers. They are the same on every machine and in every future version, which
the stream of a random generator does not guarantee."""

from __future__ import annotations

import hashlib

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
