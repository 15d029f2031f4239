"""Finished runs in the continuous space, so that an interrupted replay resumes and only an added method is simulated.

A line of `<out>/runs.jsonl` stays valid while the table, the config, the emulators, the budget and the deciding code are unchanged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict
from pathlib import Path

from admire.campaign.json_hash import digest
from admire.replay.continuous.play import Moment, Trace
from admire.replay.continuous.side_by_side import Run, small_runs
from admire.replay.continuous.world import ContinuousConfig, World
from admire.replay.deciding_code import content_digest, deciding_files
from admire.replay.kept_runs import KeptLines, table_content
from admire.replay.table import Table

PLAY = "admire.replay.continuous.play"


class KeptPlays(KeptLines):
    """The file of runs of one problem.

    Args:
        path: the file; with None nothing is kept.
        table, config: the finished runs, and how the problem is made from them.
        world: the problem. Figures of it are part of the key, because other versions of the libraries fit other emulators.
        methods: names of the methods in the replay.
        budget: of a run, in the table's unit.
    """

    def __init__(
        self,
        path: Path | None,
        table: Table,
        config: ContinuousConfig,
        world: World,
        methods: Collection[str],
        budget: float,
    ) -> None:
        figures = [f"{figure:.4g}" for figure in (world.best, world.baseline, world.spread, *world.noise.ravel())]
        problem = ["continuous", table_content(table), asdict(config), figures, budget]
        keys = {
            method: digest([*problem, small_runs(method), content_digest(deciding_files(method, play=PLAY))])
            for method in methods
        }
        super().__init__(path, keys)

    def read(self) -> Iterator[Run]:
        """The methods' runs that are still valid."""
        for method, seed, trace in self.lines():
            moments = [Moment(**moment) for moment in trace["moments"]]
            bought = [tuple(line) for line in trace["bought"]]
            yield Run(method, seed, Trace(**trace | {"moments": moments, "bought": bought}))

    def add(self, run: Run) -> None:
        """Append a run to the file, on the disk before this returns."""
        self.append(run.method, run.seed, asdict(run.trace))
