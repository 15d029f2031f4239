"""Between a controller and the stand-ins of Slurm's commands that it calls: what they say, and whether it still wants them."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import shutil
import socket
from pathlib import Path

ROOM = Path(".snakemake/slurm_commands")  # a folder per controller
VARIABLE = "ADMIRE_SLURM_COMMANDS"  # names it to the stand-ins


class Channel:
    """A controller's folder.

    Its files: `bin/`, the stand-ins; `said`, their lines for the terminal; `waiting/`, a mark per cause that submissions wait for;
    `told`, once the controller was told to end. It is named after the controller's process.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin = folder, folder / "bin"
        self._said, self._told, self._waiting = folder / "said", folder / "told", folder / "waiting"

    @classmethod
    def found(cls) -> Channel | None:
        """The one of the controller that called this process."""
        named = os.environ.get(VARIABLE)
        return cls(Path(named)) if named else None

    @classmethod
    def of(cls, host: str, pid: int) -> Channel | None:
        """The one in the working folder of a controller that lives, as its lease names it; None when it has none."""
        return next(map(cls, ROOM.glob(f"{glob.escape(host)}-{pid}-*")), None)

    @property
    def wanted(self) -> bool:
        """Whether the controller lives and was not told to end."""
        return not self._told.exists() and name_of(self.process) == self.folder.name

    @property
    def process(self) -> str:
        """The controller's number on its host."""
        return self.folder.name.rsplit("-", 2)[-2]

    def tell_to_end(self) -> None:
        """Submissions that wait give up."""
        with contextlib.suppress(OSError):
            self._told.touch()

    def say(self, words: str) -> None:
        """Have the controller show a line."""
        with contextlib.suppress(OSError), open(self._said, "a", encoding="utf-8") as stream:
            stream.write(f"{words}\n")

    def heard(self, start: int) -> tuple[list[str], int]:
        """Whole lines that were said after so many bytes, and how many bytes there are now."""
        try:
            with open(self._said, "rb") as stream:
                stream.seek(start)
                new = stream.read()
        except FileNotFoundError:
            return [], start
        whole = new[: new.rfind(b"\n") + 1]
        return whole.decode(errors="replace").splitlines(), start + len(whole)

    def wait_for(self, cause: str) -> bool:
        """Note what submissions wait for; True for the first that does."""
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
        """What submissions wait for now, as `wait_for` was told."""
        found = []
        for mark in sorted(self._waiting.glob("*")):
            with contextlib.suppress(OSError):
                found.append(mark.read_text(encoding="utf-8"))
        return [cause for cause in found if cause]

    def accepted(self) -> bool:
        """Note that a job was accepted; True when submissions had waited until now."""
        waited = False
        for mark in self._waiting.glob("*"):
            with contextlib.suppress(FileNotFoundError):
                mark.unlink()
                waited = True
        return waited

    def close(self) -> None:
        """The controller has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)


def name_of(process: int | str) -> str | None:
    """A name that no other process has, on any machine; None when there is no such process on this one."""
    try:
        started = Path("/proc", str(process), "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return None
    return f"{socket.gethostname()}-{process}-{started}"


def real(command: str, channel: Channel | None) -> tuple[str, dict[str, str]]:
    """Slurm's own command, and an environment in which no stand-in is found.

    Raises:
        FileNotFoundError: if this machine does not have it.
    """
    places = os.environ.get("PATH", os.defpath).split(os.pathsep)
    left = [place for place in places if channel is None or Path(place) != channel.bin]
    environment = {key: value for key, value in os.environ.items() if key != VARIABLE} | {"PATH": os.pathsep.join(left)}
    found = shutil.which(command, path=environment["PATH"])
    if found is None:
        raise FileNotFoundError(f"{command}: this machine has no such command")
    return found, environment
