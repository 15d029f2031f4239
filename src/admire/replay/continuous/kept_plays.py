"""The finished runs of a replay in the continuous space. One stays valid while the table, the config, the emulators, the budget and
the deciding code are unchanged.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

from admire.campaign.json_hash import digest
from admire.replay.continuous.play import Moment, Trace
from admire.replay.continuous.side_by_side import small_runs
from admire.replay.continuous.world import ContinuousConfig, World
from admire.replay.deciding_code import content_digest, deciding_files
from admire.replay.finished_runs import KeptFile
from admire.replay.kept_runs import table_content
from admire.replay.table import Table

PLAY = "admire.replay.continuous.play"


class KeptPlays(KeptFile[Trace]):
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

    def trace_of(self, found: dict[str, Any]) -> Trace:
        """The trace that a line holds."""
        moments = [Moment(**moment) for moment in found["moments"]]
        bought = [tuple(line) for line in found["bought"]]
        return Trace(**found | {"moments": moments, "bought": bought})
