"""Which files decide what a method buys on a seed's problem. Others may change, and what was played counts still."""

from __future__ import annotations

import ast
from collections.abc import Collection
from pathlib import Path

import admire
from admire.optimize.methods import TRANSFER, entry

PLAY, TRANSFERRED, DRAWN = "admire.replay.simulate", "admire.optimize.transfer", "admire.replay.synthetic"


def deciding_files(method: str, truth: str | None = None) -> list[Path]:
    """Files of the method, of the play, and of all that they import; those that draw tables, too, if the config's `truth` does."""
    modules = [entry(method).path.partition(":")[0], PLAY]
    if method.startswith(TRANSFER):
        modules.append(TRANSFERRED)
    return imported_files(modules, without=() if truth else (DRAWN,))


def imported_files(modules: Collection[str], without: Collection[str] = ()) -> list[Path]:
    """Files of modules (dotted names in this package) and of what they import anywhere in their text, directly or not; of
    `without`, and of what is imported there alone, none."""
    found: dict[str, Path] = {}
    left = list(modules)
    while left:
        name = left.pop()
        path = _file(name)
        if path is not None and name not in found and name not in without:
            found[name] = path
            left += _imports(path)
    return sorted(found.values())


def _file(name: str) -> Path | None:
    """Where a module of this package is; None for what is no module, but a name in one or another package's."""
    path = Path(admire.__file__).parents[1].joinpath(*name.split(".")).with_suffix(".py")
    return path if name.startswith("admire.") and path.is_file() else None


def _imports(path: Path) -> list[str]:
    """Every name that a file imports, and what it is imported from; this package's imports are absolute."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names
