"""Nodes of a cluster on which trainings break before their first step: a missing driver, a full /tmp, a file system not mounted.

Such a node is soon free again, so it attracts job after job. Later attempts therefore avoid it, within bounds: at most half of
the nodes that could run the job are left out, none for longer than REMEMBERED seconds, and none on which a training has since got
past its first step.
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
from admire.trials.atomic_files import read_text
from admire.trials.attempts import Attempts

REMEMBERED = 6 * 3600.0  # seconds for which a node is left out
# After this many breaks a node is left out for all trials, before that only for trials that broke on it.
BREAKS_FOR_ALL = 2
MOST = 8  # At most this many nodes are left out at once.
ASKED_EVERY = 300.0  # seconds between two calls of Slurm's sinfo


@dataclass(frozen=True)
class Visit:
    """The outcome on one node of an attempt, or of a job that ended before its attempt began.

    Attributes:
        when: time of its end, in seconds since the epoch.
        broke: why it broke before its first step; None if it got further.
    """

    node: str
    when: float
    broke: str | None


class Nodes:
    """The outcomes of attempts by node, read from the trials' files. A file is read again only after it has changed."""

    def __init__(self, results: Path | str) -> None:
        self.results = Layout(Path(results))
        self._read: dict[Path, tuple[float, list[Visit]]] = {}
        self._usable: dict[tuple[str | None, str | None], tuple[float, list[str]]] = {}

    def broken(self) -> dict[str, list[Visit]]:
        """Node -> the attempts that broke there within the last REMEMBERED seconds, and after the last one that got further."""
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
        """The nodes on which a trial's next attempt should not run; empty if Slurm does not list the nodes that remain.

        Args:
            partition: the partition in which the attempt runs; None is the cluster's default.
            gpu: the GPUs that `sinfo` must show for a node, e.g. `gpu:a100`; None if the attempt needs none.
            needed: number of nodes on which the attempt runs.
        """
        broken = self.broken()
        own = {visit.node for path in (trial.attempts, _jobs(trial)) for visit in self._visits(path) if visit.broke}
        bad = [node for node, visits in broken.items() if node in own or len(visits) >= BREAKS_FOR_ALL]
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


# The file has one line per job whose `admire train` ended with an error: node, time, exit code, job.
JOBS = "jobs.txt"


def _jobs(trial: TrialLayout) -> Path:
    return trial.folder / JOBS


def _of_attempts(attempts: Attempts) -> Iterator[Visit]:
    """One visit per attempt that ran in a Slurm job and has ended."""
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
    """One visit per job that ended with an error before its attempt began."""
    begun = {str(line.get("job")) for line in Attempts(path.with_name("attempts.jsonl")).lines()}
    for line in read_text(path, errors="replace").splitlines():
        words = line.split()
        if len(words) == 4 and words[3] not in begun and words[2] not in ("0", "75"):
            when = datetime.datetime.fromisoformat(words[1]).timestamp()
            yield Visit(words[0], when, f"`admire train` did not start, exit code {words[2]}")
