"""Nodes of a cluster on which trainings break before their first step: a missing driver, a full /tmp, a file system not mounted.

Such a node is always free, so it takes every job. Later tries go elsewhere, within bounds: at most half of the nodes that could
run the job are left out, none for longer than some hours, and none on which a training came further since.
"""

from __future__ import annotations

import datetime
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from admire.campaign.layout import Layout, TrialLayout
from admire.trials import slurm_jobs
from admire.trials.attempts import Attempts

REMEMBERED = 6 * 3600.0  # seconds for which a node is left out
ANYBODYS = 2  # breaks after which a node is left out for trials that have not met it
MOST = 8  # nodes that are left out at once, at most
ASKED_EVERY = 300.0  # seconds between two questions to Slurm


@dataclass(frozen=True)
class Visit:
    """How an attempt, or a job that never came to its attempt, went on a node.

    Attributes:
        when: its end, seconds since the epoch.
        broke: why it broke before its first step; None when it came further.
    """

    node: str
    when: float
    broke: str | None


class Nodes:
    """What trials met on the nodes, read from their attempts; what was read once is not read again until it changes."""

    def __init__(self, results: Path | str) -> None:
        self.results = Layout(Path(results))
        self._read: dict[Path, tuple[float, list[Visit]]] = {}
        self._usable: dict[tuple[str | None, str | None], tuple[float, list[str]]] = {}

    def broken(self) -> dict[str, list[Visit]]:
        """Nodes -> the attempts that broke there since one came further, within the time that is remembered."""
        since = time.time() - REMEMBERED
        found: dict[str, list[Visit]] = defaultdict(list)
        for visit in sorted(
            (v for path in self._files(since) for v in self._visits(path)), key=lambda visit: visit.when
        ):
            if visit.broke is None:
                found.pop(visit.node, None)
            elif visit.when > since:
                found[visit.node].append(visit)
        return found

    def to_leave_out(self, trial: TrialLayout, partition: str | None, gpu: str | None, needed: int = 1) -> list[str]:
        """The nodes that a trial's next try should not run on; none where Slurm does not say what else there is.

        Args:
            partition: where it runs; None is the cluster's default.
            gpu: what `sinfo` must show of a node's GPUs, e.g. `gpu:a100`; None when it needs none.
            needed: how many nodes it runs on.
        """
        broken = self.broken()
        own = {visit.node for path in (trial.attempts, _jobs(trial)) for visit in self._visits(path) if visit.broke}
        bad = [node for node, visits in broken.items() if node in own or len(visits) >= ANYBODYS]
        if not bad:
            return []
        usable = self._usable_nodes(partition, gpu)
        most = min(MOST, len(usable) // 2, len(usable) - needed)
        worst = sorted(
            (node for node in bad if node in usable), key=lambda node: (node not in own, -len(broken[node]), node)
        )
        return sorted(worst[: max(most, 0)])

    def _files(self, since: float) -> Iterator[Path]:
        for pattern in ("trials/*/*/attempts.jsonl", "trials/*/*/share_*/attempts.jsonl", f"trials/*/*/{JOBS}"):
            for path in self.results.root.glob(pattern):
                if path.stat().st_mtime > since:
                    yield path

    def _visits(self, path: Path) -> list[Visit]:
        try:
            changed = path.stat().st_mtime
        except FileNotFoundError:
            return []
        if self._read.get(path, (None,))[0] != changed:
            visits = list(_of_jobs(path) if path.name == JOBS else _of_attempts(Attempts(path)))
            self._read[path] = (changed, visits)
        return self._read[path][1]

    def _usable_nodes(self, partition: str | None, gpu: str | None) -> list[str]:
        asked, nodes = self._usable.get((partition, gpu), (-ASKED_EVERY, []))
        if time.monotonic() - asked >= ASKED_EVERY:
            nodes = slurm_jobs.usable_nodes(partition, gpu) or []
            self._usable[partition, gpu] = (time.monotonic(), nodes)
        return nodes


JOBS = "jobs.txt"  # a line for each job whose `admire train` ended with an error: node, time, exit code, job


def _jobs(trial: TrialLayout) -> Path:
    return trial.folder / JOBS


def _of_attempts(attempts: Attempts) -> Iterator[Visit]:
    """A visit for each attempt that has an end and was made in a Slurm job."""
    begun = None
    for line in attempts.lines():
        if line["event"] == "begin":
            begun = line
        elif line["event"] == "end" and begun is not None and line.get("node"):
            further = line["step"] > begun["resumed_step"] or line["outcome"] in ("ok", "failed")
            broke = None if further else line["reason"] or "no reason"
            if further or line["outcome"] == "error":
                yield Visit(line["node"], datetime.datetime.fromisoformat(line["time"]).timestamp(), broke)


def _of_jobs(path: Path) -> Iterator[Visit]:
    """A visit for each job that ended with an error and had never come to its attempt."""
    begun = {str(line.get("job")) for line in Attempts(path.with_name("attempts.jsonl")).lines()}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if len(words) == 4 and words[3] not in begun and words[2] not in ("0", "75"):
            when = datetime.datetime.fromisoformat(words[1]).timestamp()
            yield Visit(words[0], when, f"`admire train` did not start, exit code {words[2]}")
