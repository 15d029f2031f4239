"""Finished runs of any kind of replay: the file that keeps them, and the simulation of those that are missing.

`<out>/runs.jsonl` has one line per run and is only appended to, so that an interrupted replay resumes and only an added method is
simulated.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

TraceT = TypeVar("TraceT")
Job = tuple[str, int]  # a method's name and a seed


@dataclass(frozen=True)
class FinishedRun(Generic[TraceT]):
    """The finished simulation of one method with one seed."""

    method: str
    seed: int
    trace: TraceT


class KeptFile(Generic[TraceT]):
    """The file of finished runs of one problem; a kind of replay says in `trace_of` how its traces are read.

    Args:
        path: the file; with None nothing is kept.
        keys: each method's digest of everything that decides its runs.
    """

    def __init__(self, path: Path | None, keys: Mapping[str, str]) -> None:
        self.path, self.keys = path, keys

    def trace_of(self, found: dict[str, Any]) -> TraceT:
        """The trace that a line holds."""
        raise NotImplementedError

    def read(self) -> Iterator[FinishedRun[TraceT]]:
        """The methods' runs that are still valid. A line that a crash cut short is skipped: its run is simulated again."""
        if self.path is None or not self.path.is_file():
            return
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                found = json.loads(line)
            except json.JSONDecodeError:
                continue
            if found["key"] == self.keys.get(found["method"]):
                yield FinishedRun(found["method"], found["seed"], self.trace_of(found["trace"]))

    def by_job(self) -> dict[Job, FinishedRun[TraceT]]:
        """The runs that need not be simulated again."""
        return {(run.method, run.seed): run for run in self.read()}

    def add(self, run: FinishedRun[TraceT]) -> None:
        """Append a run to the file, on the disk before this returns."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        torn = self.path.is_file() and self.path.stat().st_size and not self.path.read_bytes().endswith(b"\n")
        line = json.dumps({"key": self.keys[run.method], **asdict(run)})
        with open(self.path, "a", encoding="utf-8") as stream:
            stream.write(("\n" if torn else "") + line + "\n")
            stream.flush()
            os.fsync(stream.fileno())


def completed(
    kept: KeptFile[TraceT],
    methods: Sequence[str],
    seeds: int,
    play: Callable[[Sequence[Job]], Iterator[FinishedRun[TraceT]]],
    progress: Callable[[Iterator[FinishedRun[TraceT]], int], Iterable[FinishedRun[TraceT]]] | None,
) -> tuple[FinishedRun[TraceT], ...]:
    """The runs of all methods with all seeds, ordered by method and then by seed; those that are not kept yet are simulated.

    Args:
        play: simulates jobs, and yields the runs as they finish.
        progress: called with that iterator and the number of jobs; yields the same runs.
    """
    runs = kept.by_job()
    missing = [(method, seed) for seed in range(seeds) for method in methods if (method, seed) not in runs]
    found = play(missing)
    for run in progress(found, len(missing)) if progress else found:
        kept.add(run)
        runs[run.method, run.seed] = run
    return tuple(runs[method, seed] for method in methods for seed in range(seeds))
