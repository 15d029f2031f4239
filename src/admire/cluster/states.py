"""The stand-ins for `squeue` and `sacct` that a controller calls. They list its own jobs by their numbers.

Snakemake's executor queries jobs by name, although a site may have rewritten the names. It also waits for ever for three kinds of
job: those that were preempted and will not run again, those whose node failed and that Slurm does not requeue, and those that Slurm
has forgotten. For the first two the answer is failed, for the third `UNKNOWN`, upon which Snakemake looks for the job's files. Each
answer is given only after a while, because Slurm may be requeueing the job, or may just have come back from a failure.

If storage was full, a rule's log could not be written, and only the job's own log names the error. The executor shows only the
rule's log, so the error is copied to the terminal from here.
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

SETTLED = 20.0  # seconds for which a job must be preempted, failed with its node or forgotten before that counts
LOST = {
    "PREEMPTED": "was preempted and will not run again",
    "NODE_FAIL": "was on a node that failed, and will not run again",
}
# The file of seen states has this key beside the jobs' numbers. It holds the sentences that were already printed.
SAID = "sentences"
FORGOTTEN = "FORGOTTEN"  # Slurm has no such state; it stands for a job that Slurm does not list.
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE")
FAILED = "FAILED"
LOGS = Path(".snakemake/slurm_logs")  # the folder with the logs of the workflow's jobs
OF_STORAGE = re.compile(r"^admire [\w-]+: .*then the same command goes on\. .*$", re.MULTILINE)
TRANSIENT = "COMPLETING"  # Upon this state the executor keeps waiting for the job.


def main(name: str, arguments: list[str]) -> int:
    """Answer a call of `squeue` or `sacct` (`name`); returns the exit code."""
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
    """The name of the jobs that the call queries; None if it queries none by name."""
    for place, word in enumerate(arguments):
        if word.startswith("--name="):
            return word.removeprefix("--name=")
        if word == "--name" and place + 1 < len(arguments):
            return arguments[place + 1]
    return None


class Memory:
    """The states of a controller's jobs that were seen before, so that a job that has ended stays ended when Slurm forgets it."""

    def __init__(self, folder: Path, run: str) -> None:
        self.path = folder / submitted.NOTES / f"{run}.states.json"
        self.seen: dict[str, list] = {}
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            self.seen = json.loads(self.path.read_text(encoding="utf-8"))

    def answers(self, numbers: list[str], states: dict[str, str], channel: Channel) -> list[tuple[str, str]]:
        """The number and state of each job, as the executor gets them. Jobs about which nothing is certain yet are left out."""
        found = [(number, self._answer(number, states.get(number, FORGOTTEN), channel)) for number in numbers]
        whole = self.path.with_suffix(f".{os.getpid()}")
        whole.write_text(json.dumps(self.seen), encoding="utf-8")
        whole.replace(self.path)
        return [(number, state) for number, state in found if state is not None]

    def _answer(self, number: str, state: str, channel: Channel) -> str | None:
        """Note since when a job has been in a state, and return the state for the executor; None leaves the job out."""
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
        """Print the errors of storage in a failed job's log; an error that several jobs have is printed once."""
        for path in LOGS.rglob(f"{number}.log"):
            for sentence in OF_STORAGE.findall(path.read_text(encoding="utf-8", errors="replace")):
                if sentence not in self.seen.setdefault(SAID, []):
                    self.seen[SAID].append(sentence)
                    channel.say(sentence)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
