"""The finished runs of a replay on a table's rows. One stays valid while the table, the config, the budget and the deciding code
(`deciding_code`) are unchanged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from admire.campaign.json_hash import digest
from admire.replay.deciding_code import content_digest, deciding_files
from admire.replay.finished_runs import KeptFile
from admire.replay.instance import ReplayConfig
from admire.replay.simulate import Trace
from admire.replay.table import Table


class KeptRuns(KeptFile[Trace]):
    """The file of runs of one problem.

    Args:
        path: the file; with None nothing is kept.
        table, config: the finished runs, and how problems are made from them.
        methods: names of the methods in the replay.
        budget, until: as in `admire.replay.simulate.simulate`.
    """

    def __init__(
        self,
        path: Path | None,
        table: Table,
        config: ReplayConfig,
        methods: Collection[str],
        budget: float,
        until: float,
    ) -> None:
        problem = [table_content(table), asdict(config), budget, until]
        keys = {method: digest([*problem, content_digest(deciding_files(method, config.truth))]) for method in methods}
        super().__init__(path, keys)

    def trace_of(self, found: dict[str, Any]) -> Trace:
        """The trace that a line holds."""
        rows = {name: [tuple(row) for row in found[name]] for name in ("bought", "steps")}
        return Trace(**found | rows)


def table_content(table: Table) -> str:
    """One digest of everything in a table that can influence a run."""
    seen = hashlib.sha256(repr((table.sources, table.metrics, table.sizes, table.costs, table.shares)).encode())
    seen.update(repr((table.pool, sorted(table.groups.items()), table.runs)).encode())
    for part in (*table.X, *table.Y, *table.stderr, table.signs):
        seen.update(np.ascontiguousarray(part, dtype=float).tobytes())
    return seen.hexdigest()
