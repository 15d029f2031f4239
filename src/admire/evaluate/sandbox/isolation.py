"""Finds the best way of this machine to keep programs apart. These are the ways, best first, and what programs can reach in each:

| isolation | files | network | other processes |
|---|---|---|---|
| bubblewrap | Python and its libraries, read-only; an empty home and /tmp in memory | none | not seen |
| namespaces | the user's, as the user may read and write them | none | not seen |
| none | the user's | the machine's | seen; the scorer and the keeper are closed |

Bubblewrap (`bwrap`) is a package of that name. Namespaces need `unshare` of util-linux and a kernel that lets users make them.
"""

from __future__ import annotations

import functools
import os
import shutil
import site
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import admire

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix", "/gnu")
SETTINGS = (
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/localtime",
    "/etc/passwd",
)
TMP_BYTES = 1 << 30
TRIAL_SECONDS = 20


@dataclass(frozen=True)
class Isolation:
    """One way to keep programs apart.

    Attributes:
        name: `bubblewrap`, `namespaces` or `none`, with the tool's version; records contain it.
        prefix: the command, with its options, that starts the keeper's command.
    """

    name: str
    prefix: tuple[str, ...]

    @property
    def isolates(self) -> bool:
        """Whether programs are kept from the user's files and from the network."""
        return self.name.startswith("bubblewrap")


@functools.cache
def best() -> Isolation:
    """The best isolation that works on this machine, which is tried by starting a Python in it."""
    for name, tool, prefix in (("bubblewrap", "bwrap", _bubblewrap), ("namespaces", "unshare", _namespaces)):
        if shutil.which(tool) and _works(prefix()):
            return Isolation(f"{name} ({_version(tool)})", prefix())
    return Isolation("none", ())


def _bubblewrap() -> tuple[str, ...]:
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    command += ["--proc", "/proc", "--dev", "/dev"]
    for place in ("/tmp", "/dev/shm"):
        command += ["--size", str(TMP_BYTES), "--tmpfs", place]
    for path in _readable():  # These come after the empty /tmp, because the environment may lie in /tmp.
        command += ["--ro-bind-try", path, path]
    return (*command, "--remount-ro", "/", "--chdir", "/tmp")


def _namespaces() -> tuple[str, ...]:
    return ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc", "--net", "--ipc")


def _readable() -> list[str]:
    """The existing folders and files that a Python with its libraries and ADMIRE needs, each once."""
    packages = [*site.getsitepackages(), str(Path(admire.__file__).resolve().parents[1])]
    python = [sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parents[1])]
    found = [path for path in (*SYSTEM, *SETTINGS, *python, *packages) if os.path.exists(path)]
    return list(dict.fromkeys(found))


def _works(prefix: tuple[str, ...]) -> bool:
    try:
        done = subprocess.run(
            [*prefix, sys.executable, "-I", "-c", "import json, unittest"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath},
            timeout=TRIAL_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _version(tool: str) -> str:
    done = subprocess.run([tool, "--version"], capture_output=True, text=True)
    return " ".join(done.stdout.split()) or tool
