"""A small table in the long form, whose best mixture is known."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def frame():
    """Two sizes on 24 and 12 mixtures of three sources; both metrics are best at the last source."""
    rng = np.random.default_rng(0)
    rows = []
    for size, cost, n in (("S", 1.0, 24), ("L", 10.0, 12)):
        for i, w in enumerate(rng.dirichlet(np.ones(3), size=n)):
            scores = [w @ [0, 1, 3], w @ [0, 0.5, 2]] + 0.01 * rng.normal(size=2)
            weights = {f"weight:s{k}": w[k] for k in range(3)}
            rows.append({"run": i, "size": size, "cost": cost, **weights, "metric:a": scores[0], "metric:b": scores[1]})
    return pd.DataFrame(rows)


@pytest.fixture
def written(frame, tmp_path):
    """Writes the frame, changed if so wished; returns the file."""

    def write(change=lambda frame: frame):
        path = tmp_path / "runs.csv"
        change(frame.copy()).to_csv(path, index=False)
        return path

    return write
