"""Identity of the code that decides which runs a method buys on a seed's problem.

Kept runs stay valid while this code is unchanged, whatever happens to other code. Comments, docstrings, layout and the places of
files do not count as changes.
"""

from __future__ import annotations

import ast
from collections.abc import Collection
from functools import cache
from pathlib import Path

import admire
from admire.campaign.json_hash import digest
from admire.optimize.registry import TRANSFER, entry

PLAY, TRANSFERRED, DRAWN = "admire.replay.simulate", "admire.optimize.transfer", "admire.replay.synthetic"


def deciding_files(method: str, truth: str | None = None, play: str = PLAY) -> list[Path]:
    """Files of the method, of the simulation, and of everything that they import.

    Args:
        method: a name of the registry.
        truth: as in `ReplayConfig`; unless it is None, the files that draw synthetic tables are included.
        play: the module that simulates.
    """
    modules = [entry(method).path.partition(":")[0], play]
    if method.startswith(TRANSFER):
        modules.append(TRANSFERRED)
    return imported_files(modules, without=() if truth else (DRAWN,))


def content_digest(files: Collection[Path]) -> str:
    """One digest of the code in files and of their imports, independent of the files' paths."""
    return digest(sorted(digest([_own_code(path), *_links(path)]) for path in files))


def imported_files(modules: Collection[str], without: Collection[str] = ()) -> list[Path]:
    """Files of modules and of everything of this package that they import anywhere in their text, directly or indirectly.

    Args:
        modules: dotted names in this package.
        without: dotted names of modules to leave out, together with everything that only they import.
    """
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
    """The file of a module of this package; None for a name inside a module, and for other packages."""
    path = Path(admire.__file__).parents[1].joinpath(*name.split(".")).with_suffix(".py")
    return path if name.startswith("admire.") and path.is_file() else None


def _imports(path: Path) -> list[str]:
    """Dotted names of all modules that a file imports, or imports names from; imports in this package are absolute."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def _links(path: Path) -> list[list[str]]:
    """A file's imports from this package: each name with the code of its module in place of that module's path."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and _inside(node.module):
            for alias in node.names:
                origin = _file(f"{node.module}.{alias.name}") or _file(str(node.module))
                found.append([alias.asname or alias.name, alias.name, _own_code(origin) if origin else ""])
        elif isinstance(node, ast.Import):
            found += [[str(alias.asname), _own_code(_file(alias.name))] for alias in node.names if _file(alias.name)]
    return sorted(found)


@cache
def _own_code(path: Path) -> str:
    """A file's code without comments, docstrings and imports from this package."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            rest = body[1:] if _begins_with_docstring(node) else body
            node.body = [part for part in rest if not _of_this_package(part)]  # type: ignore[attr-defined]
    return ast.unparse(tree)


def _begins_with_docstring(node: ast.AST) -> bool:
    documented = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef
    return isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None


def _of_this_package(node: ast.AST) -> bool:
    """Whether this node is an import from this package alone."""
    if isinstance(node, ast.ImportFrom):
        return _inside(node.module)
    return isinstance(node, ast.Import) and all(_inside(alias.name) for alias in node.names)


def _inside(module: str | None) -> bool:
    return module is not None and (module == "admire" or module.startswith("admire."))
