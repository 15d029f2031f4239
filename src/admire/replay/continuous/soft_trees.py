"""Boosted trees whose splits are soft, so that their surface is smooth.

A split of an ordinary tree sends a mixture to one side or the other, so the surface is a staircase, on which every step is as good
as another and a search finds the corner of a step. Here a split sends the mixture to both sides, in shares that follow a logistic
curve of the distance to the threshold: what trees say on average when the mixture is shaken a little at every split.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from scipy.sparse import csr_array

from admire.replay.continuous.roots import roots

ROUNDS = 150
SETTINGS: dict[str, Any] = {
    "objective": "regression",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 5,
    "verbosity": -1,
    "num_threads": 1,
    "deterministic": True,
    "seed": 0,
}
# Scale of the logistic curve, in standard deviations over the table of the root of the source's weight. On The Pile this costs a
# tenth more held-out error than hard splits; four times the width doubles the error.
WIDTH = 0.05
CHUNK = 250  # mixtures that are computed at once: arrays of this size stay in the cache


@dataclass(frozen=True)
class SoftTrees:
    """Trees as arrays: S splits and L leaves of all trees together.

    Args:
        source: S indices of the sources that splits look at.
        threshold: S roots of weights at which both sides get half.
        width: S scales of the logistic curve, in units of roots of weights.
        paths: 2S x L zeros and ones: whether the way to a leaf goes to the lower side of a split (the first S rows), and whether
            it goes to the upper side.
        leaves: L values.
    """

    source: np.ndarray
    threshold: np.ndarray
    width: np.ndarray
    paths: csr_array
    leaves: np.ndarray

    @classmethod
    def fit(cls, X: np.ndarray, y: np.ndarray, seed: int) -> SoftTrees:
        """Fit LightGBM's trees and soften their splits. The trees do not depend on the seed."""
        booster = lightgbm.train(SETTINGS, lightgbm.Dataset(roots(X), y), ROUNDS)
        splits: list[tuple[int, float]] = []
        leaves: list[tuple[float, list[tuple[int, bool]]]] = []
        for tree in booster.dump_model()["tree_info"]:
            _collect(tree["tree_structure"], [], splits, leaves)
        source = np.array([split[0] for split in splits], dtype=int)
        width = WIDTH * np.maximum(roots(X).std(0), 1e-6)
        places = [
            (split + (0 if lower else len(splits)), leaf)
            for leaf, (_, way) in enumerate(leaves)
            for split, lower in way
        ]
        rows, columns = np.array(places, dtype=int).reshape(-1, 2).T
        paths = csr_array((np.ones(len(rows)), (rows, columns)), shape=(2 * len(splits), len(leaves)))
        threshold = np.array([split[1] for split in splits])
        return cls(source, threshold, width[source], paths, np.array([leaf[0] for leaf in leaves]))

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Sums of the leaves' values, each times the share of the mixture that gets there."""
        return np.concatenate([self._values(X[i : i + CHUNK]) for i in range(0, len(X), CHUNK)] or [np.zeros(0)])

    def again(self, X: np.ndarray, y: np.ndarray) -> SoftTrees:
        """The trees fitted anew."""
        return SoftTrees.fit(X, y, 0)

    def _values(self, X: np.ndarray) -> np.ndarray:
        distance = (self.threshold - roots(X)[:, self.source]) / self.width
        # Logarithms of the shares that go to the lower and to the upper side; their sums along the ways are those of the leaves.
        lower = np.minimum(distance, 0.0) - np.log1p(np.exp(-abs(distance)))
        logs = np.concatenate([lower, lower - distance], 1)
        return np.exp(logs @ self.paths) @ self.leaves


def _collect(
    node: dict[str, Any],
    way: list[tuple[int, bool]],
    splits: list[tuple[int, float]],
    leaves: list[tuple[float, list[tuple[int, bool]]]],
) -> None:
    """Append a node's splits (source, threshold) and leaves (value, way) and those below it.

    Args:
        way: (index of a split, whether to its lower side) of all splits above the node.
    """
    if "leaf_value" in node:
        leaves.append((float(node["leaf_value"]), way))
        return
    place = len(splits)
    splits.append((int(node["split_feature"]), float(node["threshold"])))
    _collect(node["left_child"], [*way, (place, True)], splits, leaves)
    _collect(node["right_child"], [*way, (place, False)], splits, leaves)
