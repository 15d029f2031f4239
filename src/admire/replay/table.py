"""A table of runs: mixtures, model sizes and scores that somebody has trained already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from admire.errors import TableError


@dataclass(frozen=True, eq=False)
class Table:
    """Runs of M model sizes, cheapest first; the target is the last.

    Args:
        name: what the table is called in files and pictures.
        sources, metrics, sizes: K, m and M names.
        costs: M costs of one run.
        unit: of the costs.
        X: M arrays (n_s x K) of mixtures; rows sum to 1.
        Y: M arrays (n_s x m) of scores, NaN where missing.
        stderr: M arrays (n_s x m) of reported standard errors, NaN where there are none.
        runs: M tuples of n_s names of runs.
        signs: m numbers: 1 where higher is better, -1 where lower is.
        groups: name of an objective -> the metrics that it averages.
        pool: how many of the target's first rows are the published study's pool; None: all.
        marks: costs at which regret is reported.
        shares: M shares of the training steps, where the table has partly trained models; empty: all whole.
        notes: what the reader should know about the file.
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
        """m signed weights of an objective: the plain average of the named metrics, higher is better.

        Args:
            names: a group of the table, a metric, or several of them with commas between.

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
        """Whether some mixture was trained at the target and at a smaller size."""
        small = {x.tobytes() for s in range(self.target) for x in self.X[s].round(6)}
        return any(x.tobytes() in small for x in self.X[self.target].round(6))
