"""Finished runs of earlier replays, so that an interrupted replay resumes and only an added method is simulated.

`<out>/runs.jsonl` has one line per run and is only appended to. A line stays valid while the table, the config, the budget and
the deciding code (`deciding_code`) are unchanged.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from admire.campaign.json_hash import digest
from admire.replay.deciding_code import content_digest, deciding_files
from admire.replay.instance import ReplayConfig
from admire.replay.side_by_side import Run
from admire.replay.simulate import Trace
from admire.replay.table import Table


class KeptLines:
    """A file with one line per finished run, which is only appended to.

    Args:
        path: the file; with None nothing is kept.
        keys: each method's digest of everything that decides its runs.
    """

    def __init__(self, path: Path | None, keys: Mapping[str, str]) -> None:
        self.path, self.keys = path, keys

    def lines(self) -> Iterator[tuple[str, int, dict[str, Any]]]:
        """Method, seed and trace of each run that is still valid.

        A line that a crash cut short is skipped: its run is simulated again.
        """
        if self.path is None or not self.path.is_file():
            return
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                found = json.loads(line)
            except json.JSONDecodeError:
                continue
            if found["key"] == self.keys.get(found["method"]):
                yield found["method"], found["seed"], found["trace"]

    def append(self, method: str, seed: int, trace: dict[str, Any]) -> None:
        """Append a run to the file, on the disk before this returns."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        torn = self.path.is_file() and self.path.stat().st_size and not self.path.read_bytes().endswith(b"\n")
        line = json.dumps({"key": self.keys[method], "method": method, "seed": seed, "trace": trace})
        with open(self.path, "a", encoding="utf-8") as stream:
            stream.write(("\n" if torn else "") + line + "\n")
            stream.flush()
            os.fsync(stream.fileno())


class KeptRuns(KeptLines):
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

    def read(self) -> Iterator[Run]:
        """The methods' runs that are still valid."""
        for method, seed, trace in self.lines():
            rows = {name: [tuple(row) for row in trace[name]] for name in ("bought", "steps")}
            yield Run(method, seed, Trace(**trace | rows))

    def add(self, run: Run) -> None:
        """Append a run to the file, on the disk before this returns."""
        self.append(run.method, run.seed, asdict(run.trace))


def table_content(table: Table) -> str:
    """One digest of everything in a table that can influence a run."""
    seen = hashlib.sha256(repr((table.sources, table.metrics, table.sizes, table.costs, table.shares)).encode())
    seen.update(repr((table.pool, sorted(table.groups.items()), table.runs)).encode())
    for part in (*table.X, *table.Y, *table.stderr, table.signs):
        seen.update(np.ascontiguousarray(part, dtype=float).tobytes())
    return seen.hexdigest()
