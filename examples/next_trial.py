"""Which run next, and which mixture for the big model? The optimiser alone, on a table of finished runs.

python examples/next_trial.py prints both. The table is made up: runs.csv follows a formula with noise, and shows the form only.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from admire.optimize import Admire, CappedSimplex, Fidelities, Objective, Observations, Pending, Problem

SOURCES = ("web", "code", "books", "papers")
SIZES, COSTS = ("60M", "1B"), (1.0, 30.0)  # GPU-hours per run

runs = pd.read_csv(Path(__file__).with_name("runs.csv"))
size = runs["size"].map(SIZES.index).to_numpy()
seen = Observations(
    X=runs[list(SOURCES)].to_numpy(), size=size, Y=runs[["loss"]].to_numpy(), cost=np.array(COSTS)[size]
)
space = CappedSimplex(SOURCES, np.array([1.0, 0.6, 0.3, 0.4]))  # the scarce sources cannot give more than so much
problem = Problem(
    space=space,
    fidelities=Fidelities(SIZES, COSTS, target=1),
    objective=Objective(("loss",), np.array([-1.0])),  # a loss: lower is better
    prior=space.fill(np.array([0.7, 0.1, 0.1, 0.1])),  # the baseline mixture
    totals=(100_000, 100_000),  # rows per run: mixtures are exact to one row
)

method = Admire()
rng = np.random.default_rng(0)
for trial in method.propose(problem, seen, Pending.none(problem), q=1, budget=100.0, rng=rng):
    mixture = ", ".join(f"{source} {weight:.3f}" for source, weight in zip(SOURCES, trial.weights, strict=True))
    print(f"next: {SIZES[trial.size]} on {mixture}: {trial.why}")
best = method.recommend(problem, seen)
mixture = ", ".join(f"{source} {weight:.3f}" for source, weight in zip(SOURCES, best.weights, strict=True))
print(f"for {SIZES[1]}: {mixture}; loss {-best.mean:.3f} ({-best.high:.3f} to {-best.low:.3f}, 90 %)")
