"""Finished runs of earlier replays, so that an interrupted replay resumes and only an added method is simulated.

`<out>/runs.jsonl` has one line per run and is only appended to. A line stays valid while the table, the config, the budget and
the deciding code (`deciding_code`) are unchanged.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from admire.campaign.json_hash import digest
from admire.replay.deciding_code import content_digest, deciding_files
from admire.replay.instance import ReplayConfig
from admire.replay.side_by_side import Run
from admire.replay.simulate import Trace
from admire.replay.table import Table


class KeptRuns:
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
        self.path, self.budget, self.until = path, budget, until
        problem = [_content(table), asdict(config), budget, until]
        self.keys = {
            method: digest([*problem, content_digest(deciding_files(method, config.truth))]) for method in methods
        }

    def read(self) -> Iterator[Run]:
        """The methods' runs that are still valid. A line that a crash cut short is skipped: its run is simulated again."""
        if self.path is None or not self.path.is_file():
            return
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                found = json.loads(line)
            except json.JSONDecodeError:
                continue
            if found["key"] == self.keys.get(found["method"]):
                trace = found["trace"]
                rows = {name: [tuple(row) for row in trace[name]] for name in ("bought", "steps")}
                yield Run(found["method"], found["seed"], Trace(**trace | rows))

    def add(self, run: Run) -> None:
        """Append a run to the file, on the disk before this returns."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        torn = self.path.is_file() and self.path.stat().st_size and not self.path.read_bytes().endswith(b"\n")
        line = json.dumps(
            {"key": self.keys[run.method], "method": run.method, "seed": run.seed, "trace": asdict(run.trace)}
        )
        with open(self.path, "a", encoding="utf-8") as stream:
            stream.write(("\n" if torn else "") + line + "\n")
            stream.flush()
            os.fsync(stream.fileno())


def _content(table: Table) -> str:
    """One digest of everything in a table that can influence a run."""
    seen = hashlib.sha256(repr((table.sources, table.metrics, table.sizes, table.costs, table.shares)).encode())
    seen.update(repr((table.pool, sorted(table.groups.items()), table.runs)).encode())
    for part in (*table.X, *table.Y, *table.stderr, table.signs):
        seen.update(np.ascontiguousarray(part, dtype=float).tobytes())
    return seen.hexdigest()
