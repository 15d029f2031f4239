"""Conversion of weights to exact integer counts. Counts define a trial; the mixture that a surrogate sees is counts / total."""

from __future__ import annotations

import numpy as np

from admire.space.money import ROUNDING


def row_limits(available: np.ndarray, max_epochs: float) -> np.ndarray:
    """The largest whole number of rows that each source can give to a trial (K float64, infinite where `available` is).

    Args:
        available: K numbers of rows that the sources hold.
        max_epochs: how often a trial may see the same row.
    """
    return np.floor(np.asarray(available) * max_epochs + ROUNDING)


def exact_counts(weights: np.ndarray, total: int, limits: np.ndarray | None = None) -> np.ndarray:
    """Integer counts that sum to `total`, by largest remainder (Hamilton's method), never above `limits`.

    Args:
        weights: K non-negative weights; only their proportions matter.
        total: number of rows to distribute.
        limits: K upper limits in rows; None means unlimited. Rows above a limit go to the other sources in proportion, and to
            sources without weight only when all others are full.

    Returns:
        K integers (int64). Without active limits each differs from `weights * total` by less than 1. Ties go to the
        first source.

    Raises:
        ValueError: if the limits sum to less than `total`, or the weights are negative or all zero.
    """
    weights = np.asarray(weights, dtype=float)
    if (weights < 0).any() or weights.sum() <= 0:
        raise ValueError("weights must be non-negative with a positive sum")
    limits = np.full(len(weights), total) if limits is None else np.asarray(limits, dtype=np.int64)
    if limits.sum() < total:
        raise ValueError(f"the sources can give {limits.sum()} rows, {total} are needed")
    wish = _within(weights, total, limits)
    # Weights that were computed from counts must give these same counts again, despite rounding in the last bit.
    counts = np.minimum(np.floor(wish + ROUNDING).astype(np.int64), limits)
    while (left := total - int(counts.sum())) > 0:
        remainder = np.where(counts < limits, wish - counts, -np.inf)
        # A source without weight is used only when the others are full.
        remainder = np.where((wish == 0) & (counts < limits), -total - 1.0, remainder)
        for i in np.argsort(-remainder, kind="stable")[:left]:
            if counts[i] < limits[i]:
                counts[i] += 1
    return counts


def _within(weights: np.ndarray, total: int, limits: np.ndarray) -> np.ndarray:
    """K real numbers in proportion to `weights`, none above its limit, that sum to `total`."""
    wish = np.zeros(len(weights))
    open_ = np.ones(len(weights), dtype=bool)
    while open_.any():
        share = np.where(open_, weights, 0.0)
        if share.sum() <= 0:
            share = np.where(open_, limits, 0.0)
        if share.sum() <= 0:
            break
        proportional = share / share.sum() * (total - wish[~open_].sum())
        over = open_ & (proportional > limits)
        if not over.any():
            return np.where(open_, proportional, wish)
        wish = np.where(over, limits, wish)
        open_ &= ~over
    return wish
