"""One run of the supervised command, which is started in a session of its own, observed through its log, and ended by signals."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
from pathlib import Path
from typing import Literal

import psutil

from admire.cluster import refusals
from admire.supervise import terminal

RUN_ID = re.compile(r"SLURM run ID: admire_(\S+)")
# Snakemake prints this when it gets SIGTERM.
TOLD_TO_END = "Will exit after finishing currently running jobs"
# The executor quotes sbatch's refusal of a job in this form.
REFUSED = re.compile(r"SLURM sbatch failed\. The error message was '(.*?)'\.$", re.MULTILINE | re.DOTALL)
QUESTIONS = ("squeue", "scontrol", "sacct", "sacctmgr", "which")  # A controller calls these even while it only waits.
STAND_IN = "admire.cluster.states"  # This module is called in place of some of these commands.
LAST_WORDS = 120.0  # seconds that a controller has to end after SIGINT

# Each of these completes the sentence "the controller ...".
End = Literal["finished", "failed", "was killed", "was ended by a signal", "was refused its jobs for now"]


class Controller:
    """A running `snakemake ...`.

    Its output goes into a file and from there to the terminal, so that the process survives the end of terminal and supervisor.
    """

    def __init__(self, command: list[str], log: Path) -> None:
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "ab") as stream:
            self._from = self._shown = stream.tell()
            self._run: str | None = None
            # In a session of its own, it learns of a closed terminal or Ctrl-C only through its supervisor.
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True
            )

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    @property
    def run(self) -> str | None:
        """The unique part of the names of its Slurm jobs; None before it has printed that."""
        if self._run is None and (found := RUN_ID.search(self._said())):
            self._run = found[1]
        return self._run

    @property
    def works(self) -> bool:
        """Whether it runs anything on this machine, such as a decision, an update or a submission that waits for Slurm."""
        try:
            children = psutil.Process(self.process.pid).children()
            return any(child.name() not in QUESTIONS and STAND_IN not in child.cmdline() for child in children)
        except psutil.NoSuchProcess:
            return False

    def show(self) -> None:
        """Copy the new part of its log to the terminal, as long as there is one."""
        with open(self.log, "rb") as stream:
            stream.seek(self._shown)
            new = stream.read()
        self._shown += len(new)
        terminal.show(new.decode(errors="replace"))

    def signal(self, number: int) -> None:
        """Send a signal to the process if it still runs."""
        if self.alive:
            self.process.send_signal(number)

    def end(self) -> None:
        """End the process by SIGINT, upon which it cancels its jobs, or by SIGKILL if it does not end within `LAST_WORDS`."""
        self.signal(signal.SIGINT)
        try:
            self.process.wait(LAST_WORDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process by SIGKILL; its Slurm jobs keep running."""
        self.process.kill()
        self.process.wait()

    def outcome(self) -> End:
        """Wait for the end of the process and return how it ended; `failed` means that a job or the configuration failed."""
        code, said = self.process.wait(), self._said()
        if code == 0:
            return "finished"
        if code < 0 or code > 128:
            return "was killed"
        refused = REFUSED.findall(said)
        if refused and refusals.passing(refused[-1]):
            return "was refused its jobs for now"
        return "was ended by a signal" if TOLD_TO_END in said else "failed"

    def _said(self) -> str:
        with open(self.log, "rb") as stream:
            stream.seek(self._from)
            return stream.read().decode(errors="replace")


def configfiles(command: list[str]) -> list[str]:
    """The existing configuration files that a command passes to Snakemake, even if it is wrapped in a shell command."""
    words = [
        part for word in command for part in (shlex.split(word) if " " in word and "--configf" in word else [word])
    ]
    found: list[str] = []
    follows = False
    for word in words:
        option, _, value = word.partition("=")
        if word.startswith("-"):
            follows = option.startswith("--configf")  # Snakemake accepts `--configfiles`, and any shortened form.
            found += [value] if follows and value else []
        elif follows:
            found.append(word)
    # Targets may follow the last configuration file, and only the existence of a file tells one from the other.
    return [path for path in found if Path(path).is_file()]
