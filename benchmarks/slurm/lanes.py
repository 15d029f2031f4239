"""How busy lanes keep a cluster, and whom a straggler stalls: `python benchmarks/slurm/lanes.py [--out FOLDER]`.

The campaign's course on a clock of events: L places for trainings, every decision made by the real method from what has ended
by then, with the others pending. Trainings take 1 : 3 : 10 over the sizes; decisions take what they are measured to take, one
after the other as under the ledger's lock. Beside it the classic loop, which waits for each batch of L. Leaves a table
under benchmarks/slurm/.
"""

import argparse
import datetime
import heapq
import itertools
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2] / "tests/optimize"))
from synthetic import World, joined, make_problem, nothing

from admire.optimize.admire import Admire
from admire.optimize.problem import Observations, Pending
from admire.optimize.surrogates import model_average
from admire.space.fidelities import Fidelities

ROOT = Path(__file__).parents[2]
LANES = (4, 8, 16)
COSTS = (1.0, 3.0, 10.0)
UNIT = 600.0  # seconds of a training at the smallest size
SPREAD = 0.1  # of the logarithm of durations
NOTICED = 90.0  # seconds until Snakemake's executor sees that a job has ended, on average
START = 2.5  # seconds of imports before a decision; an update takes as long as a decision
INITIAL = 16
BUDGET = 24.0  # units of cost a lane, beside the initial design
STRAGGLES = 10.0  # how much longer the straggler takes
HEAD = f"""# Lanes, simulated with real decisions, {datetime.date.today()}

```
python benchmarks/slurm/lanes.py
```

Durations 1 : 3 : 10 over three sizes (10 min at the smallest, {SPREAD:.0%} spread), an initial design of {INITIAL}, then
{BUDGET:.0f} units of cost per lane. A job's end is noticed {NOTICED:.0f} s late. An update and a decision follow; each takes
{START} s of imports and the CPU time of the real method on this machine (column *decision*: median, longest).

- *busy*: share of its time in which a place trains, from the end of the initial design until the budget is spent
- *in batches*: the same with `lanes: 1, batch: L`, which waits for the slowest trial of each batch
- *straggler*: the first trial after the initial design takes {STRAGGLES:.0f} times as long; its own place is not counted
- *wait*: from the end of a training to the beginning of the next one on its place, the longest of all

| lanes | trials | decision (s) | busy | in batches | straggler: others busy | in batches | wait (s) | with a straggler |
|---:|---:|---:|---:|---:|---:|---:|---:|---:|"""


@dataclass(frozen=True)
class Training:
    """One trial on its place, from when to when."""

    place: int
    begin: float
    end: float
    cost: float
    seen: Observations


class Course:
    """A campaign that has run to the end of its budget.

    Args:
        lanes: places for trainings.
        batch: how many trials are decided at once and waited for; 1 is asynchronous.
        straggles: whether the first trial after the initial design takes ten times its time.
    """

    def __init__(self, lanes: int, batch: int = 1, straggles: bool = False) -> None:
        problem = replace(make_problem(initial=INITIAL), fidelities=Fidelities(tuple("SML"), COSTS, 2))
        self.world = World(problem, np.random.default_rng(0).dirichlet(np.ones(problem.space.k)))
        self.lanes, self.budget, self.rng = lanes, INITIAL * COSTS[0] + BUDGET * lanes, np.random.default_rng(0)
        self.trainings: list[Training] = []
        self.decided: list[float] = []  # seconds of each decision
        self.free = 0.0  # when the ledger is
        self._run(batch, straggles)

    def _run(self, batch: int, straggles: bool) -> None:
        places = [(0.0, place) for place in range(self.lanes)]
        wanted, decided = self._decide(0.0, q=INITIAL)
        for proposal in wanted:  # all are in the queue; a place takes the next when it is free
            free, place = heapq.heappop(places)
            heapq.heappush(places, (self._train(proposal, place, max(free, decided)), place))
        self.first = max(training.end for training in self.trainings)
        asking = [(self.first, group) for group in range(self.lanes // batch)]
        self.last = None
        while asking:
            ended, group = heapq.heappop(asking)
            wanted, decided = self._decide(ended + NOTICED, q=batch)
            if not wanted:
                self.last = self.last or ended
                continue
            ends = []
            for place, proposal in enumerate(wanted, group * batch):
                stretch = STRAGGLES if straggles and len(self.trainings) == INITIAL else 1.0
                ends.append(self._train(proposal, place, decided, stretch))
            heapq.heappush(asking, (max(ends), group))

    def _decide(self, asked: float, q: int):
        """What the method wants when it is asked then, and when it is decided: after an update, under the lock."""
        began = max(asked, self.free)
        seen, pending = (
            nothing(self.world.problem),
            Pending.none(self.world.problem),
        )
        for one in self.trainings:
            if one.end <= began:
                seen = joined(seen, one.seen)
            else:
                pending = Pending(
                    np.concatenate([pending.X, one.seen.X]), np.concatenate([pending.size, one.seen.size])
                )
        left = self.budget - sum(one.cost for one in self.trainings)
        model_average._fitted.cache_clear()  # each decision is a process of its own
        clock = time.process_time()
        wanted = Admire().propose(self.world.problem, seen, pending, q=q, budget=left, rng=self.rng)
        seconds = time.process_time() - clock
        self.decided.append(seconds)
        self.free = began + START + seconds
        return wanted, self.free + START + seconds

    def _train(self, proposal, place: int, begin: float, stretch: float = 1.0) -> float:
        """Train on a place; returns when it has ended."""
        seen = self.world.train(proposal.weights[None], np.array([proposal.size]), self.rng)
        seen.replicate[0] = sum(
            proposal.repeat and one.seen.size[0] == proposal.size and np.allclose(one.seen.X, seen.X)
            for one in self.trainings
        )
        cost = COSTS[proposal.size]
        end = begin + cost * UNIT * stretch * float(np.exp(SPREAD * self.rng.normal()))
        self.trainings.append(Training(place, begin, end, cost, seen))
        return end

    @property
    def straggler(self) -> Training:
        return self.trainings[INITIAL]

    def busy(self, without: int | None = None) -> float:
        """Share of the places' time in training, from the initial design's end until a lane is told that nothing more can be
        bought; with or without one place."""
        chosen = [one for one in self.trainings if one.place != without]
        trained = sum(max(min(one.end, self.last) - max(one.begin, self.first), 0) for one in chosen)
        return trained / ((self.lanes - (without is not None)) * (self.last - self.first))

    def waits(self, without: int | None = None) -> list[float]:
        """Seconds between two trainings of a place, after the initial design."""
        found = []
        for place in set(range(self.lanes)) - {without}:
            mine = sorted((one.begin, one.end) for one in self.trainings[INITIAL:] if one.place == place)
            found += [after[0] - before[1] for before, after in itertools.pairwise(mine)]
        return found


def row(lanes: int) -> str:
    """A line of the table."""
    plain, stalled = Course(lanes), Course(lanes, straggles=True)
    classic, blocked = Course(lanes, batch=lanes), Course(lanes, batch=lanes, straggles=True)
    others, blocked_others = stalled.straggler.place, blocked.straggler.place
    shares = [plain.busy(), classic.busy(), stalled.busy(others), blocked.busy(blocked_others)]
    waits = [max(plain.waits()), max(stalled.waits(others))]
    cells = [str(lanes), str(len(plain.trainings)), f"{np.median(plain.decided):.1f}, {max(plain.decided):.1f}"]
    cells += [f"{share:.1%}" for share in shares] + [f"{wait:.0f}" for wait in waits]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/slurm")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    lines = [HEAD]
    for lanes in LANES:
        lines.append(row(lanes))
        print(lines[-1], flush=True)
        (args.out / "lanes.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
