"""One life of the command that is supervised: started in a session of its own, heard through its log, told to end."""

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
# what Snakemake says when somebody ends it by SIGTERM
TOLD_TO_END = "Will exit after finishing currently running jobs"
# what sbatch said as it refused a job, as the executor hands it on
REFUSED = re.compile(r"SLURM sbatch failed\. The error message was '(.*?)'\.$", re.MULTILINE | re.DOTALL)
QUESTIONS = ("squeue", "scontrol", "sacct", "sacctmgr", "which")  # that a controller asks while it only waits
STAND_IN = "admire.cluster.states"  # answers some of them
LAST_WORDS = 120.0  # seconds to end by itself after SIGINT

End = Literal["finished", "failed", "killed", "told to end", "was refused its jobs for now"]


class Controller:
    """A running `snakemake ...`.

    Its output goes into a file and from there to the terminal, so that it outlives the terminal and its supervisor.
    """

    def __init__(self, command: list[str], log: Path) -> None:
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "ab") as stream:
            self._from = self._shown = stream.tell()
            self._run: str | None = None
            # a session of its own: a closed terminal or Ctrl-C reaches it through its supervisor only
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True
            )

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    @property
    def run(self) -> str | None:
        """The unique part of its Slurm jobs' names; None before it knows that itself."""
        if self._run is None and (found := RUN_ID.search(self._said())):
            self._run = found[1]
        return self._run

    @property
    def works(self) -> bool:
        """Whether it runs something on this machine: a decision, an update, a submission that waits for Slurm."""
        try:
            children = psutil.Process(self.process.pid).children()
            return any(child.name() not in QUESTIONS and STAND_IN not in child.cmdline() for child in children)
        except psutil.NoSuchProcess:
            return False

    def show(self) -> None:
        """Copy what is new in its log to the terminal, while there is one."""
        with open(self.log, "rb") as stream:
            stream.seek(self._shown)
            new = stream.read()
        self._shown += len(new)
        terminal.show(new.decode(errors="replace"))

    def signal(self, number: int) -> None:
        """Pass a signal on."""
        if self.alive:
            self.process.send_signal(number)

    def end(self) -> None:
        """End it: by SIGINT, which cancels its jobs; by SIGKILL when it does not answer."""
        self.signal(signal.SIGINT)
        try:
            self.process.wait(LAST_WORDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it without a word: its jobs go on."""
        self.process.kill()
        self.process.wait()

    def outcome(self) -> End:
        """How it ended; a job or a configuration that failed is `failed`."""
        code, said = self.process.wait(), self._said()
        if code == 0:
            return "finished"
        if code < 0 or code > 128:
            return "killed"
        refused = REFUSED.findall(said)
        if refused and refusals.passing(refused[-1]):
            return "was refused its jobs for now"
        return "told to end" if TOLD_TO_END in said else "failed"

    def _said(self) -> str:
        with open(self.log, "rb") as stream:
            stream.seek(self._from)
            return stream.read().decode(errors="replace")


def configfiles(command: list[str]) -> list[str]:
    """The configuration files that a command names to Snakemake, in whatever shell it is wrapped."""
    words = [
        part for word in command for part in (shlex.split(word) if " " in word and "--configf" in word else [word])
    ]
    found: list[str] = []
    follows = False
    for word in words:
        option, _, value = word.partition("=")
        if word.startswith("-"):
            follows = option.startswith("--configf")  # Snakemake takes it shortened, and with an s
            found += [value] if follows and value else []
        elif follows:
            found.append(word)
    # what a file is called is all that tells it from a target behind the last of them
    return [path for path in found if Path(path).is_file()]
