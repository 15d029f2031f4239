"""The task files that lm-eval would read, looked at without lm-eval: its own index takes 15 s to build, this one a second.

Only what is asked before anything is spent: does a task exist, which metrics does it list, does it run generated code, which
data and modules does it need.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

NAME = re.compile(
    rb"""^["']?(?:task|group)["']?[ \t]*:[ \t]*["']?([^\s"'#\[\]{}]+)["']?[ \t]*(?:#.*)?$""", re.MULTILINE
)
FUNCTION = re.compile(r"!function[ \t]+(\w+)\.\w+[ \t]*$", re.MULTILINE)  # of a module beside the file


class _Loader(yaml.SafeLoader):
    """Reads `!function module.name` as text: nothing is imported."""


_Loader.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))


def index(folder: Path) -> dict[str, Path]:
    """Name of each task and group below a folder -> its file."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.yaml")):
        for match in NAME.finditer(path.read_bytes()):
            found.setdefault(match[1].decode(), path)
    return found


def shipped() -> Path:
    """The folder of the tasks that lm-eval ships."""
    spec = importlib.util.find_spec("lm_eval")
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "tasks"


def read(path: Path) -> dict[str, Any]:
    """A task file with the files it includes, later keys over earlier."""
    with path.open("rb") as stream:
        content = yaml.load(stream, Loader=_Loader)
    included = content.pop("include", [])
    merged: dict[str, Any] = {}
    for name in included if isinstance(included, list) else [included]:
        merged |= read(path.parent / name)
    return merged | content


def members(content: dict[str, Any]) -> list[str]:
    """Names that a group's file lists; none for a task."""
    if "group" not in content or not isinstance(content.get("task"), list):
        return []
    named = [
        member.get("task", member.get("group")) if isinstance(member, dict) else member for member in content["task"]
    ]
    return [name for name in named if isinstance(name, str)]


def leaves(files: dict[str, Path], name: str) -> list[str]:
    """The tasks that a name stands for, as far as files tell: itself, or those of a group and of its groups."""
    children = [child for child in members(read(files[name])) if child in files and child != name]
    return [leaf for child in children for leaf in leaves(files, child)] or [name]


def missing_modules(path: Path) -> list[str]:
    """Modules that a task's own code imports and that are not installed."""
    found: dict[str, None] = {}
    seen: set[Path] = set()
    waiting = [
        place.parent / f"{module}.py"
        for place in _with_includes(path)
        for module in FUNCTION.findall(place.read_text())
    ]
    while waiting:
        code = waiting.pop()
        if code in seen or not code.is_file():
            continue
        seen.add(code)
        for module in _imports(ast.parse(code.read_text(encoding="utf-8"))):
            if module.startswith("lm_eval.tasks."):
                waiting.append(shipped().joinpath(*module.split(".")[2:]).with_suffix(".py"))
            elif importlib.util.find_spec(module.partition(".")[0]) is None:
                found[module.partition(".")[0]] = None
    return list(found)


def _with_includes(path: Path) -> list[Path]:
    with path.open("rb") as stream:
        included = (yaml.load(stream, Loader=_Loader) or {}).get("include", [])
    names = included if isinstance(included, list) else [included]
    return [path, *(place for name in names for place in _with_includes(path.parent / name))]


def _imports(tree: ast.AST) -> Iterator[str]:
    """Modules that are imported when a file is: not within functions, nor for type checkers only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (
                f"{node.module}.{alias.name}" for alias in node.names if node.module.startswith("lm_eval.tasks")
            )
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _imports(node)
