"""The stand-in for `sbatch` that a controller calls. It calls the real one, again and again if a refusal passes by itself.

Any other refusal is passed back unchanged. The job gets a token in its comment, by which it is found if Slurm's answer is lost, so
that it is not submitted twice. Its number is noted, and only the number is printed, whatever a site prints around it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import uuid
from pathlib import Path

from admire.cluster import refusals, submitted
from admire.cluster.channel import Channel, real

# Longest pause between two attempts, in seconds; the first pause is a twelfth of it.
LONGEST_PAUSE = float(os.environ.get("ADMIRE_SLURM_PAUSE_SECONDS", "60"))
LOOKS_EVERY = 0.5  # seconds between two checks whether the controller still wants the job
TOKEN = "admire="
NUMBER = re.compile(r"^(\d+)(?:;\S*)?$", re.MULTILINE)  # `--parsable` prints `number` or `number;cluster`.


def main(arguments: list[str]) -> int:
    """Submit a job with the arguments of Snakemake's executor; returns sbatch's exit code."""
    channel = Channel.found()
    run = _option(arguments, "--job-name")
    if channel is None or run is None or "--parsable" not in arguments:  # The call is not from Snakemake's executor.
        command, environment = real("sbatch", channel)
        return subprocess.run([command, *arguments], env=environment).returncode
    script = sys.stdin.read() if "/dev/stdin" in arguments else None
    return Submission(channel, run, arguments, script).submit()


class Submission:
    """The submission of one job.

    Args:
        run: the name that the controller gives to all its jobs.
        arguments: the arguments of sbatch.
        script: the job's script, if sbatch reads it from standard input; otherwise None.
    """

    def __init__(self, channel: Channel, run: str, arguments: list[str], script: str | None) -> None:
        self.channel, self.run, self.script = channel, run, script
        self.token = f"{TOKEN}{uuid.uuid4().hex[:12]}"
        self.arguments = _with_token(arguments, self.token)
        self.began = time.monotonic()

    def submit(self) -> int:
        """Submit until the job is accepted, is refused for good, or the controller ends; returns sbatch's exit code."""
        pause = LONGEST_PAUSE / 12
        while True:
            done = self._ask("sbatch", *self.arguments)
            number = (_number(done.stdout) or self._found()) if done.returncode == 0 else None
            refusal = refusals.passing(done.stderr) if done.returncode else None
            if refusal is not None:
                self._tell(refusal, done.stderr)
                lost = refusal.means == refusals.AWAY
                while wanted := self._wait(pause):
                    pause = min(1.5 * pause, LONGEST_PAUSE)
                    # The job may be in the queue although the answer was lost. It may only be submitted again once Slurm has
                    # answered that it is not, or it would run twice.
                    number = self._found() if lost else ""
                    if number is not None:
                        break
                if wanted and not number:
                    continue
            if number:
                return self._accepted(number)
            sys.stdout.write(done.stdout)
            sys.stderr.write(done.stderr)
            return done.returncode

    def _ask(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command, environment = real(name, self.channel)
        return subprocess.run([command, *arguments], input=self.script, capture_output=True, text=True, env=environment)

    def _found(self) -> str | None:
        """The number of the job whose comment has the token, empty if there is none; None if Slurm does not answer."""
        done = self._ask("squeue", "--me", "--states=all", "--noheader", "--format=%i|%k")
        if done.returncode:
            return None
        return next((line.split("|", 1)[0] for line in done.stdout.splitlines() if self.token in line), "")

    def _tell(self, refusal: refusals.Refusal, said: str) -> None:
        cause = f"{refusal.means}: {refusal.cause(said)!r}"
        if self.channel.wait_for(cause):
            self.channel.say(
                f"Slurm accepts no job for now ({cause}): the submission waits and is tried again, at least every "
                f"{LONGEST_PAUSE:.0f} s"
            )

    def _wait(self, seconds: float) -> bool:
        """Wait; False as soon as the controller does not want the job any more."""
        until = time.monotonic() + seconds
        while self.channel.wanted:
            if time.monotonic() >= until:
                return True
            time.sleep(min(LOOKS_EVERY, seconds))
        return False

    def _accepted(self, number: str) -> int:
        submitted.note(Path.cwd(), self.run, number)
        if self.channel.accepted():
            self.channel.say(f"Slurm accepts jobs again, after {time.monotonic() - self.began:.0f} s")
        print(number)
        return 0


def _option(arguments: list[str], name: str) -> str | None:
    """The value of an option, where option and value are two arguments, as the executor passes them; None if it is missing."""
    place = arguments.index(name) + 1 if name in arguments else len(arguments)
    return arguments[place] if place < len(arguments) else None


def _with_token(arguments: list[str], token: str) -> list[str]:
    if "--comment" not in arguments:
        return [f"--comment={token}", *arguments]
    place = arguments.index("--comment") + 1
    return [*arguments[:place], f"{arguments[place]} {token}", *arguments[place + 1 :]]


def _number(printed: str) -> str | None:
    """The job's number within sbatch's output, to which a site may add text; None unless exactly one line is a number."""
    found = NUMBER.findall(printed)
    return found[0] if len(found) == 1 else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
