"""The task files that lm-eval would read, looked at without lm-eval: its own index takes 15 s to build, this one a second.

Only what is asked before anything is spent: does a task exist, which metrics does it list and which way are they better, how many
examples does it show, does it run generated code, which data and modules does it need.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from admire.campaign.reading import MOST_BYTES
from admire.campaign.schema.evaluation import Benchmarks
from admire.campaign.task_types import check_types
from admire.campaign.yaml_bounds import check_bounds
from admire.errors import ConfigError

NAME = re.compile(
    rb"""^["']?(?:task|group)["']?[ \t]*:[ \t]*["']?([^\s"'#\[\]{}]+)["']?[ \t]*(?:#.*)?$""", re.MULTILINE
)
INCLUDE = re.compile(rb"""^["']?include["']?[ \t]*:[ \t]*["']?([^\s"'#]+)["']?[ \t]*(?:#.*)?$""", re.MULTILINE)
TAG = re.compile(rb"""^["']?tag["']?[ \t]*:""", re.MULTILINE)
GROUP_KEYS = {"group", "group_alias", "task", "aggregate_metric_list", "metadata"}  # what is not handed on to members
FUNCTION = re.compile(r"!function[ \t]+(\w+)\.\w+[ \t]*$", re.MULTILINE)  # of a module beside the file


class Function(str):
    """The name behind `!function`."""

    __slots__ = ()


# written in C where there is a compiler
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Loader(_Safe):
    """Reads `!function module.name` as text: nothing is imported."""


Loader.add_constructor("!function", lambda loader, node: Function(loader.construct_scalar(node)))


@dataclass(frozen=True)
class TaskFile:
    """A task as lm-eval would load it.

    Attributes:
        path: its file; None for one that stands within a group's.
        content: what that says, with the files it includes, and with what its group says instead.
        groups: the files of the groups that it was reached through.
    """

    name: str
    path: Path | None
    content: dict[str, Any]
    groups: tuple[Path, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether it can be a task; a group's member that has no file must say itself how it asks."""
        return self.path is not None or "doc_to_text" in self.content

    @property
    def few_shot(self) -> int | None:
        """Examples that its prompts show by its own word; None for a task in Python, whose word is known once it is loaded."""
        return None if "class" in self.content else int(self.content.get("num_fewshot") or 0)


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


@functools.cache
def shipped_index() -> dict[str, Path]:
    """Name of each task and group that lm-eval ships -> its file; a second."""
    return index(shipped())


def places(suite: Benchmarks) -> dict[str, Path]:
    """Task or group -> its file; a task of the campaign's own comes before one that lm-eval ships.

    Raises:
        ConfigError: if the suite's folder is none.
    """
    if suite.include_path is not None and not Path(suite.include_path).is_dir():
        raise ConfigError(f"include_path: {suite.include_path} is no folder; it should hold lm-eval task files")
    own = index(Path(suite.include_path)) if suite.include_path else {}
    return own if _suffices(own, suite) else {**shipped_index(), **own}


def _suffices(own: dict[str, Path], suite: Benchmarks) -> bool:
    """Whether a folder has all tasks of a suite, the members of its groups included."""
    return set(suite.tasks) <= set(own) and all(leaf.is_whole for task in suite.tasks for leaf in leaves(own, task))


def needs_shipped(suite: Benchmarks) -> bool:
    """Whether a suite asks for tasks that lm-eval ships, so that its thousands of files must be read."""
    return not (suite.include_path and _suffices(index(Path(suite.include_path)), suite))


def read(path: Path) -> dict[str, Any]:
    """A task file with the files it includes, later keys over earlier.

    Raises:
        ConfigError: if one of them is missing, no YAML mapping, or includes itself.
    """
    return _read(path, ())


def _read(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    content = dict(_parsed(path, *_stamp(path)))
    merged: dict[str, Any] = {}
    for place in _included(path, content, above):
        merged |= _read(place, (*above, path))
    content.pop("include", None)
    return merged | content


def _included(path: Path, content: dict[str, Any], above: tuple[Path, ...]) -> list[Path]:
    """The files that a task file includes.

    Raises:
        ConfigError: if it includes itself, or one of those that include it.
    """
    named = content.get("include", [])
    places = [path.parent / str(name) for name in (named if isinstance(named, list) else [named])]
    known = {place.resolve() for place in (*above, path)}
    if circle := [place for place in places if place.resolve() in known]:
        raise ConfigError(f"{path}: this task file includes itself by way of {circle[0]}; take that include out")
    return places


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file's content does."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{str(path)!r}: this task file cannot be read ({reason})") from None
    return status.st_mtime_ns, status.st_size


@functools.lru_cache(maxsize=1024)  # a suite's digest is asked for at every trial
def _parsed(path: Path, _modified: int, _size: int) -> dict[str, Any]:
    """One file's own keys."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MOST_BYTES + 1)
        check_bounds(raw)
        content = yaml.load(raw, Loader=Loader)
    except (OSError, ValueError, OverflowError, yaml.YAMLError) as error:
        reason = getattr(error, "problem", None) or getattr(error, "strerror", None) or error
        raise ConfigError(f"{path}: this task file cannot be read ({reason})") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: this task file holds no keys with values")
    return content


def leaves(files: dict[str, Path], name: str) -> list[TaskFile]:
    """The tasks that a name stands for: itself, or those of a group, of its groups and of its tags."""
    return _leaves(files, name, {}, ())


def tags(files: dict[str, Path]) -> dict[str, list[str]]:
    """Tag -> the tasks that bear it."""
    found: dict[str, list[str]] = {}
    for name, path in sorted(files.items()):
        for tag in _tags_in(path):
            found.setdefault(tag, []).append(name)
    return found


def _leaves(files: dict[str, Path], name: str, said: dict[str, Any], above: tuple[str, ...]) -> list[TaskFile]:
    """Those of a name, where groups above it say `said` instead of its file."""
    content = read(files[name])
    if name in above:
        raise ConfigError(f"{files[name]}: group {name} is a member of itself")
    check_types(files[name], {**content, **said} if "group" not in content else content)
    if "group" in content and "class" not in content:
        return _members(files, content, said, (*above, name))
    return [TaskFile(name, files[name], {**content, **said}, tuple(files[group] for group in above))]


def _members(
    files: dict[str, Path], group: dict[str, Any], said: dict[str, Any], above: tuple[str, ...]
) -> list[TaskFile]:
    said = {**{key: value for key, value in group.items() if key not in GROUP_KEYS}, **said}
    found = []
    for item in group["task"] if isinstance(group.get("task"), list) else []:
        member = item if isinstance(item, dict) else {"task": item}
        name = str(member.get("group", member.get("task")))
        inner = {**said, **{key: value for key, value in member.items() if key not in ("task", "group")}}
        if name in files:
            found += _leaves(files, name, inner, above)
        elif "group" in member:
            found += _members(files, member, said, above)
        elif name in (tagged := tags(files)):
            found += [leaf for task in tagged[name] for leaf in _leaves(files, task, inner, above)]
        else:
            check_types(f"group {group['group']}, its member {name}", inner)
            groups = tuple(files[one] for one in above)
            found.append(TaskFile(f"{group['group']}::{name}", None, inner, groups))
    return found


@functools.cache
def _tags_in(path: Path) -> tuple[str, ...]:
    """A task's tags; its file is parsed only where it or one that it includes has any."""
    if not _mentions_tags(path):
        return ()
    content = read(path)
    found = content.get("tag") if "group" not in content else None
    return tuple(map(str, found)) if isinstance(found, list) else (str(found),) if found else ()


def _mentions_tags(path: Path) -> bool:
    if not path.is_file():
        return False
    text = path.read_bytes()
    return bool(TAG.search(text)) or any(_mentions_tags(path.parent / name.decode()) for name in INCLUDE.findall(text))


def missing_modules(path: Path) -> list[str]:
    """Modules that a task's own code imports and that are not installed."""
    found: dict[str, None] = {}
    seen: set[Path] = set()
    waiting = [code for place in with_includes(path) for code in code_beside(place)]
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


def code_beside(path: Path) -> list[Path]:
    """The modules of which a task file takes functions."""
    return [path.parent / f"{module}.py" for module in FUNCTION.findall(path.read_text(encoding="utf-8"))]


def with_includes(path: Path, above: tuple[Path, ...] = ()) -> list[Path]:
    """A task file and those that it includes; `above` are those that include it.

    Raises:
        ConfigError: as `read` does.
    """
    content = _parsed(path, *_stamp(path))
    included = _included(path, content, above)
    return [path, *(place for inner in included for place in with_includes(inner, (*above, path)))]


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
