"""How long decisions take: CPU time and memory of one proposal and one recommendation, imports left out.

`python benchmarks/optimizer/timing.py` prints a line per number of trials. See benchmarks/optimizer/timing.md.
"""

import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2] / "tests/optimize"))
from synthetic import World, make_problem, no_pending

# Trials, sources and metrics of each.
SIZES = [(60, 6, 3), (60, 19, 17), (200, 19, 17), (1000, 19, 17), (40, 300, 1), (200, 300, 3)]
AT_TARGET = 0.2


def measure(n: int, k: int, m: int) -> None:
    """One evidence of n trials, K sources and m metrics."""
    import torch

    from admire.optimize.admire import Admire

    torch.set_num_threads(2)
    world = World(make_problem(k=k, m=m, sizes=2), np.random.default_rng(0).dirichlet(np.ones(k)))
    rng = np.random.default_rng(1)
    size = (rng.random(n) < AT_TARGET).astype(int)
    seen = world.train(world.problem.space.sample(n, rng), size, rng)
    seconds = []
    for decide in (
        lambda: Admire().propose(world.problem, seen, no_pending(world.problem), q=1, budget=9.0, rng=rng),
        lambda: Admire().recommend(world.problem, seen),
    ):
        # propose and update are two processes: neither profits from the other's fit
        from admire.optimize.surrogates import model_average

        model_average._fitted.cache_clear()
        begin = time.perf_counter()
        decide()
        seconds.append(time.perf_counter() - begin)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"| {n} | {k} | {m} | {seconds[0]:.1f} | {seconds[1]:.1f} | {peak:.2f} |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(*map(int, sys.argv[1:]))
    else:
        print(
            "| trials | sources | metrics | propose (s) | recommend (s) | peak memory (GB) |\n|---:|---:|---:|---:|---:|---:|"
        )
        for case in SIZES:
            subprocess.run([sys.executable, __file__, *map(str, case)], check=True)
