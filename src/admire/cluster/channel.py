"""The channel between a controller and the stand-ins for Slurm's commands that it calls, which is a folder of files.

Through it the stand-ins pass lines for the terminal to the controller, and learn whether the controller still wants its jobs.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import shutil
import socket
from pathlib import Path

ROOM = Path(".snakemake/slurm_commands")  # The folder has one subfolder per controller.
VARIABLE = "ADMIRE_SLURM_COMMANDS"  # The stand-ins find their controller's folder in this environment variable.


class Channel:
    """The folder of one controller, which is named after the controller's process.

    It contains `bin/`, the stand-ins; `said`, their lines for the terminal; `waiting/`, one file per cause that submissions wait
    for; and `told`, which exists once the controller was signalled to end.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin = folder, folder / "bin"
        self._said, self._told, self._waiting = folder / "said", folder / "told", folder / "waiting"

    @classmethod
    def found(cls) -> Channel | None:
        """The channel of the controller that called this process; None if none did."""
        named = os.environ.get(VARIABLE)
        return cls(Path(named)) if named else None

    @classmethod
    def of(cls, host: str, pid: int) -> Channel | None:
        """The channel, in the working folder, of the living controller with this host and process number; None if it has none."""
        return next(map(cls, ROOM.glob(f"{glob.escape(host)}-{pid}-*")), None)

    @property
    def wanted(self) -> bool:
        """Whether the controller lives and was not signalled to end."""
        return not self._told.exists() and name_of(self.process) == self.folder.name

    @property
    def process(self) -> str:
        """The controller's process number on its host."""
        return self.folder.name.rsplit("-", 2)[-2]

    def tell_to_end(self) -> None:
        """Make waiting submissions give up."""
        with contextlib.suppress(OSError):
            self._told.touch()

    def say(self, words: str) -> None:
        """Pass a line to the controller, which prints it."""
        with contextlib.suppress(OSError), open(self._said, "a", encoding="utf-8") as stream:
            stream.write(f"{words}\n")

    def heard(self, start: int) -> tuple[list[str], int]:
        """The complete lines that were passed after the first `start` bytes, and the number of bytes up to their end."""
        try:
            with open(self._said, "rb") as stream:
                stream.seek(start)
                new = stream.read()
        except FileNotFoundError:
            return [], start
        whole = new[: new.rfind(b"\n") + 1]
        return whole.decode(errors="replace").splitlines(), start + len(whole)

    def wait_for(self, cause: str) -> bool:
        """Note the cause for which submissions wait; True if it was not noted yet."""
        self._waiting.mkdir(parents=True, exist_ok=True)
        try:
            with (self._waiting / hashlib.sha256(cause.encode()).hexdigest()[:16]).open(
                "x", encoding="utf-8"
            ) as stream:
                stream.write(cause)
        except FileExistsError:
            return False
        return True

    def waits_for(self) -> list[str]:
        """The causes for which submissions wait now, as they were passed to `wait_for`."""
        found = []
        for mark in sorted(self._waiting.glob("*")):
            with contextlib.suppress(OSError):
                found.append(mark.read_text(encoding="utf-8"))
        return [cause for cause in found if cause]

    def accepted(self) -> bool:
        """Note that a job was accepted; True if submissions were waiting until now."""
        waited = False
        for mark in self._waiting.glob("*"):
            with contextlib.suppress(FileNotFoundError):
                mark.unlink()
                waited = True
        return waited

    def close(self) -> None:
        """Remove the folder when the controller ends."""
        shutil.rmtree(self.folder, ignore_errors=True)


def name_of(process: int | str) -> str | None:
    """A name for a process of this machine that is unique among the processes of all machines; None if there is no such process."""
    try:
        started = Path("/proc", str(process), "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return None
    return f"{socket.gethostname()}-{process}-{started}"


def real(command: str, channel: Channel | None) -> tuple[str, dict[str, str]]:
    """The path of Slurm's own command, and an environment in which it finds no stand-ins.

    Raises:
        FileNotFoundError: if this machine does not have the command.
    """
    places = os.environ.get("PATH", os.defpath).split(os.pathsep)
    left = [place for place in places if channel is None or Path(place) != channel.bin]
    environment = {key: value for key, value in os.environ.items() if key != VARIABLE} | {"PATH": os.pathsep.join(left)}
    found = shutil.which(command, path=environment["PATH"])
    if found is None:
        raise FileNotFoundError(f"{command}: this machine has no such command")
    return found, environment
