"""A table of finished runs: their mixtures, model sizes and scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from admire.errors import TableError


@dataclass(frozen=True, eq=False)
class Table:
    """Runs of M model sizes, cheapest first; the target is the last.

    Args:
        name: name of the table in files and pictures.
        sources, metrics, sizes: K, m and M names.
        costs: cost of one run at each of the M sizes.
        unit: unit of the costs.
        X: M arrays (n_s x K) of mixtures; rows sum to 1.
        Y: M arrays (n_s x m) of scores, NaN where missing.
        stderr: M arrays (n_s x m) of reported standard errors, NaN where there are none.
        runs: M tuples of n_s names of runs.
        signs: m numbers: 1 for metrics of which more is better, -1 for those of which less is.
        groups: the metrics that each named objective averages.
        pool: number of the target's first rows that form the published study's pool; None if all rows do.
        marks: costs at which regret is reported.
        shares: M fractions of the training steps, if the table has partly trained models; empty if all are whole.
        notes: sentences about the file that the user should read.
    """

    name: str
    sources: tuple[str, ...]
    metrics: tuple[str, ...]
    sizes: tuple[str, ...]
    costs: tuple[float, ...]
    unit: str
    X: tuple[np.ndarray, ...]
    Y: tuple[np.ndarray, ...]
    stderr: tuple[np.ndarray, ...]
    runs: tuple[tuple[str, ...], ...]
    signs: np.ndarray
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pool: int | None = None
    marks: tuple[float, ...] = ()
    shares: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def target(self) -> int:
        """Index of the size that is recommended for."""
        return len(self.sizes) - 1

    def objective(self, names: str) -> np.ndarray:
        """m signed weights of an objective: the plain average of the named metrics, signed so that higher is better.

        Args:
            names: groups of the table or metrics, separated by commas.

        Raises:
            TableError: if the table has no such group or metric.
        """
        weights = np.zeros(len(self.metrics))
        for name in names.split(","):
            for metric in self.groups.get(name.strip(), (name.strip(),)):
                if metric not in self.metrics:
                    known = ", ".join([*self.groups, *self.metrics])
                    raise TableError(
                        f"--objective {names}: {self.name} has no metric or group '{name}'; it has {known}"
                    )
                weights[self.metrics.index(metric)] = 1.0
        return self.signs * weights / weights.sum()

    @property
    def promotes(self) -> bool:
        """Whether any mixture was trained both at the target and at a smaller size, so that it could be promoted."""
        small = {x.tobytes() for s in range(self.target) for x in self.X[s].round(6)}
        return any(x.tobytes() in small for x in self.X[self.target].round(6))
