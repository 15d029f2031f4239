"""The `squeue` and `sacct` that a controller calls: the states of its own jobs, known by their numbers.

The executor asks for jobs of a name, which a site may have rewritten, and waits for ever for three kinds of job: one that was
preempted and will not run again, one whose node failed and that Slurm does not requeue, and one that Slurm has forgotten. The
first two are answered as failed; the third as `UNKNOWN`, upon which Snakemake looks for its files. Each must have been so for a
while: Slurm may be in the middle of requeueing it, or have come back from a failure just now.

What a job that failed says of storage stands in the job's own log alone, where a rule's log could not be written either; the
executor shows only the rule's.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from admire.cluster import submitted
from admire.cluster.channel import Channel, real

SETTLED = 20.0  # seconds for which a job is preempted, failed with its node or forgotten before that counts
LOST = {
    "PREEMPTED": "was preempted and will not run again",
    "NODE_FAIL": "was on a node that failed, and will not run again",
}
SAID = "sentences"  # a key of what was seen, beside the jobs' numbers
FORGOTTEN = "FORGOTTEN"  # no state of Slurm's
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE")
FAILED = "FAILED"
LOGS = Path(".snakemake/slurm_logs")  # of jobs, beside the folder's other state
OF_STORAGE = re.compile(r"^admire [\w-]+: .*then the same command goes on\. .*$", re.MULTILINE)
TRANSIENT = "COMPLETING"  # a state upon which the executor goes on waiting


def main(name: str, arguments: list[str]) -> int:
    """Answer as the command of this name does; returns its exit code."""
    channel = Channel.found()
    run = _run(arguments)
    numbers = submitted.numbers(Path.cwd(), run) if run else []
    if channel is None or run is None or not numbers:
        command, environment = real(name, channel)
        return subprocess.run([command, *arguments], env=environment).returncode
    command, environment = real("squeue", channel)
    asked = [command, "--me", "--states=all", "--noheader", "--format=%i|%T|%j"]
    done = subprocess.run(asked, capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.stderr.write(done.stderr)
        return done.returncode
    rows = [line.split("|", 2) for line in done.stdout.splitlines() if line.count("|") >= 2]
    numbers = list(dict.fromkeys([*numbers, *(row[0] for row in rows if row[2] == run)]))
    states = {row[0]: row[1] for row in rows}
    for number, state in Memory(Path.cwd(), run).answers(numbers, states, channel):
        print(f"{number}|{state}")
    return 0


def _run(arguments: list[str]) -> str | None:
    """The name of the jobs that are asked for."""
    for place, word in enumerate(arguments):
        if word.startswith("--name="):
            return word.removeprefix("--name=")
        if word == "--name" and place + 1 < len(arguments):
            return arguments[place + 1]
    return None


class Memory:
    """What was seen of a controller's jobs before: a job that has ended stays so when Slurm forgets it."""

    def __init__(self, folder: Path, run: str) -> None:
        self.path = folder / submitted.NOTES / f"{run}.states.json"
        self.seen: dict[str, list] = {}
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            self.seen = json.loads(self.path.read_text(encoding="utf-8"))

    def answers(self, numbers: list[str], states: dict[str, str], channel: Channel) -> list[tuple[str, str]]:
        """What the executor is told of each job."""
        found = [(number, self._answer(number, states.get(number, FORGOTTEN), channel)) for number in numbers]
        whole = self.path.with_suffix(f".{os.getpid()}")
        whole.write_text(json.dumps(self.seen), encoding="utf-8")
        whole.replace(self.path)
        return [(number, state) for number, state in found if state is not None]

    def _answer(self, number: str, state: str, channel: Channel) -> str | None:
        """Keep when a job came into a state; the state that is answered, None for no line."""
        before, since, told = self.seen.get(number, [None, 0.0, False])
        if state == FORGOTTEN and before in (*ENDED, *LOST):
            state = before
        now = time.time()
        if state != before:
            since, told = now, False
        lost = state in LOST or state == FORGOTTEN
        settled = lost and not 0 <= now - since < SETTLED
        if settled and not told:
            channel.say(
                f"Slurm job {number} {LOST[state]}: its work is submitted again"
                if state in LOST
                else f"Slurm does not know job {number} any more: its files tell whether it ended well"
            )
        self.seen[number] = [state, since, told or settled]
        if state == FAILED and before != FAILED:
            self._say_of_storage(number, channel)
        if not lost:
            return state
        if not settled:
            return None if state == FORGOTTEN else TRANSIENT
        return FAILED if state in LOST else "UNKNOWN"

    def _say_of_storage(self, number: str, channel: Channel) -> None:
        """Once for all jobs that say the same."""
        for path in LOGS.rglob(f"{number}.log"):
            for sentence in OF_STORAGE.findall(path.read_text(encoding="utf-8", errors="replace")):
                if sentence not in self.seen.setdefault(SAID, []):
                    self.seen[SAID].append(sentence)
                    channel.say(sentence)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
