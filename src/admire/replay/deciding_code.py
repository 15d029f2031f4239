"""Which code decides what a method buys on a seed's problem. Other code may change, and what was played counts still.

Code is known by what it does: comments, docstrings, layout, and where its files lie leave it the same.
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


def deciding_files(method: str, truth: str | None = None) -> list[Path]:
    """Files of the method, of the play, and of all that they import; those that draw tables, too, if the config's `truth` does."""
    modules = [entry(method).path.partition(":")[0], PLAY]
    if method.startswith(TRANSFER):
        modules.append(TRANSFERRED)
    return imported_files(modules, without=() if truth else (DRAWN,))


def content_digest(files: Collection[Path]) -> str:
    """One digest of what the code in files does, wherever they lie."""
    return digest(sorted(digest([_own_code(path), *_links(path)]) for path in files))


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


def _links(path: Path) -> list[list[str]]:
    """What a file imports of this package: each name with the code that it comes from, in place of that code's path."""
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
    """A file's code without comments and docstrings, and without what it imports of this package."""
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
    """Whether this is an import of nothing but this package."""
    if isinstance(node, ast.ImportFrom):
        return _inside(node.module)
    return isinstance(node, ast.Import) and all(_inside(alias.name) for alias in node.names)


def _inside(module: str | None) -> bool:
    return module is not None and (module == "admire" or module.startswith("admire."))
