"""Put this package's `sbatch`, `squeue` and `sacct` before Slurm's own in one controller's PATH, and print their messages.

Snakemake's executor for Slurm calls these commands by name. It does not wait until a refusal passes, and does not notice that a job
will not run again. The stand-ins handle both cases, and pass every other call to Slurm's own command unchanged.
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import socket
import sys
import threading
from pathlib import Path
from types import FrameType

from admire.cluster.channel import ROOM, VARIABLE, Channel, name_of

HEARS_EVERY = 1.0  # seconds between two looks for messages of the stand-ins
# command -> module of this package, and its arguments
COMMANDS = {
    "sbatch": "sbatch",
    "squeue": "states squeue",
    "sacct": "states sacct",
}
# Alarming message of the executor -> the plain message that is printed instead, once; None prints nothing.
MEANT = {
    "No SLURM account given, trying to guess.": None,
    "not able to get a SLURM account via sacct": None,
    "Unable to guess SLURM account": "no slurm_account in the profile: jobs are submitted without one, on the cluster's default",
    "Falling back to 'sacct' for status queries": "Slurm's controller did not say how long it remembers jobs: "
    "squeue is queried for their states all the same",
}


class StandIns:
    """The stand-ins of the controller that is this process.

    Args:
        folder: the workflow's working folder.
        logger: the logger that prints the stand-ins' messages.
    """

    def __init__(self, folder: Path, logger: logging.Logger) -> None:
        self.channel, self.logger = Channel(folder.resolve() / ROOM / str(name_of(os.getpid()))), logger
        self._heard = 0
        self._stop = threading.Event()
        self._listener = threading.Thread(target=self._listen, daemon=True)

    def open(self) -> None:
        """Make the stand-ins, let child processes find them from now on, and begin to print their messages."""
        for left in self.channel.folder.parent.glob(f"{socket.gethostname()}-*-*"):
            if not Channel(left).wanted:  # A controller that was killed has left its folder.
                Channel(left).close()
        self.channel.bin.mkdir(parents=True, exist_ok=True)
        for name, what in COMMANDS.items():
            module, *arguments = what.split()
            command = [sys.executable, "-m", f"admire.cluster.{module}", *arguments]
            path = self.channel.bin / name
            path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n', encoding="utf-8")
            path.chmod(0o700)
        os.environ[VARIABLE] = str(self.channel.folder)
        os.environ["PATH"] = f"{self.channel.bin}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        self.logger.addFilter(Meant(self.channel))
        for number in (signal.SIGINT, signal.SIGTERM):
            self._hear(number)
        self._listener.start()

    def close(self) -> None:
        """Print the last messages and remove the stand-ins, when the workflow has ended."""
        self._stop.set()
        if self._listener.is_alive():
            self._listener.join()
        self._show()
        self.channel.close()

    def _hear(self, number: signal.Signals) -> None:
        """Let waiting submissions give up when this process gets the signal, because Snakemake waits for them before it ends."""
        before = signal.getsignal(number)

        def told(signum: int, frame: FrameType | None) -> None:
            self.channel.tell_to_end()
            if callable(before):
                before(signum, frame)
            else:  # The signal had its default effect before, so let it have that now.
                signal.signal(signum, signal.SIG_DFL)
                signal.raise_signal(signum)

        if before is not signal.SIG_IGN:
            signal.signal(number, told)

    def _listen(self) -> None:
        while not self._stop.wait(HEARS_EVERY):
            self._show()

    def _show(self) -> None:
        lines, self._heard = self.channel.heard(self._heard)
        for line in lines:
            self.logger.warning(line)


class Meant(logging.Filter):
    """Replaces the alarming messages in `MEANT` by plain ones, each once, and lets every other record through."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self.channel, self.counts = channel, dict.fromkeys(MEANT, 0)

    def filter(self, record: logging.LogRecord) -> bool:
        """Return False for a record that is replaced."""
        said = record.getMessage()
        for words, meant in MEANT.items():
            if words in said:
                self.counts[words] += 1
                if self.counts[words] == 1 and meant is not None:
                    self.channel.say(meant)
                return False
        return True
