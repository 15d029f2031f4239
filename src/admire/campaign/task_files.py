"""Read lm-eval's task files without lm-eval, whose own index takes 15 s to build; this one takes a second.

It serves the checks before anything is spent: whether a task exists, its metrics and their directions, the number of examples in
its prompts, whether it runs generated code, and the data and modules that it needs.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
import stat
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
# lm-eval passes over these folders.
PASSED_OVER = {"__pycache__", ".ipynb_checkpoints"}
# Members do not inherit these keys from their group.
GROUP_KEYS = {"group", "group_alias", "task", "aggregate_metric_list", "metadata"}
# Finds functions of modules that lie beside the task file; functions of packages have more than one dot.
FUNCTION = re.compile(r"!function[ \t]+(\w+)\.\w+[ \t]*$", re.MULTILINE)


class Function(str):
    """The name of a function after `!function`."""

    __slots__ = ()


# PyYAML has the faster loader, which is written in C, only if it was built with libyaml.
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Loader(_Safe):
    """Reads `!function module.name` as text, so that nothing is imported."""


Loader.add_constructor("!function", lambda loader, node: Function(loader.construct_scalar(node)))


@dataclass(frozen=True)
class TaskFile:
    """A task as lm-eval would load it.

    Attributes:
        path: the task's file; None for a task that is defined within the file of its group.
        content: the keys of the task, with those of included files, and overridden by those of its groups.
        groups: the files of the groups through which it was reached.
    """

    name: str
    path: Path | None
    content: dict[str, Any]
    groups: tuple[Path, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether the task is complete: a group's member without a file of its own must define its prompt itself."""
        return self.path is not None or "doc_to_text" in self.content

    @property
    def few_shot(self) -> int | None:
        """The number of examples in its prompts by its own file; None for a task in Python, which is known only after loading."""
        return None if "class" in self.content else int(self.content.get("num_fewshot") or 0)


def index(folder: Path) -> dict[str, Path]:
    """Name of each task and group below a folder -> its file, of several that say the same name the one that lm-eval takes."""
    files = (path for path in folder.rglob("*.yaml") if not PASSED_OVER.intersection(path.parts))
    return dict(_index(tuple((path, *_changed(path)) for path in sorted(files, key=Path.as_posix))))


@functools.lru_cache(maxsize=16)  # A suite's folder is looked at by many checks.
def _index(files: tuple[tuple[Path, int, int], ...]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path, *_ in files:
        for name in _said_names(path):
            found.setdefault(name, path)
    return found


def _said_names(path: Path) -> list[str]:
    """The name that lm-eval gives a file, which may stand in a file that it includes. If the file cannot be read, the names that
    seem to stand in it, so that whoever asks for one of them is told why."""
    try:
        content = read(path)
    except ConfigError:
        return _seeming_names(path) if path.is_file() else []
    key = "group" if "group" in content and "class" not in content else "task"
    return [content[key]] if isinstance(content.get(key), str) else []


def _seeming_names(path: Path) -> list[str]:
    return [match[1].decode(errors="replace") for match in NAME.finditer(path.read_bytes())]


def _changed(path: Path) -> tuple[int, int]:
    """The time and size of a file; zeros if it cannot be looked at."""
    try:
        return _stamp(path)
    except ConfigError:
        return 0, 0


def shipped() -> Path:
    """The folder of the tasks that lm-eval ships."""
    spec = importlib.util.find_spec("lm_eval")
    assert spec is not None and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "tasks"


@functools.cache
def shipped_index() -> dict[str, Path]:
    """Name of each task and group that lm-eval ships -> its file. The first call takes a second, because nothing is parsed."""
    found: dict[str, Path] = {}
    for path in sorted(shipped().rglob("*.yaml")):
        for name in _seeming_names(path):
            found.setdefault(name, path)
    return found


def places(suite: Benchmarks) -> dict[str, Path]:
    """Name of each task and group that a suite can use -> its file. Those of the suite's folder override those of lm-eval.

    Raises:
        ConfigError: if the suite's `include_path` is not a folder.
    """
    if suite.include_path is not None and not Path(suite.include_path).is_dir():
        raise ConfigError(f"include_path: {suite.include_path} is no folder; it should hold lm-eval task files")
    own = index(Path(suite.include_path)) if suite.include_path else {}
    return own if _suffices(own, suite) else {**shipped_index(), **own}


def _suffices(own: dict[str, Path], suite: Benchmarks) -> bool:
    """Whether a folder has all tasks of a suite, the members of its groups included."""
    return set(suite.tasks) <= set(own) and all(leaf.is_whole for task in suite.tasks for leaf in leaves(own, task))


def needs_shipped(suite: Benchmarks) -> bool:
    """Whether a suite uses tasks that lm-eval ships, so that lm-eval's thousands of files must be read."""
    return not (suite.include_path and _suffices(index(Path(suite.include_path)), suite))


def read(path: Path) -> dict[str, Any]:
    """The keys of a task file and of the files it includes. Its own keys override included ones, later includes earlier ones.

    Raises:
        ConfigError: if one of the files is missing, is not a YAML mapping, or includes itself.
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
    places = [home(path) / str(name) for name in (named if isinstance(named, list) else [named])]
    known = {place.resolve() for place in (*above, path)}
    if circle := [place for place in places if place.resolve() in known]:
        raise ConfigError(f"{path}: this task file includes itself by way of {circle[0]}; take that include out")
    return places


def home(path: Path) -> Path:
    """The folder in which lm-eval looks for what a task file includes and for its modules: of a link, that of its target."""
    return path.resolve().parent if path.is_symlink() else path.parent


def _stamp(path: Path) -> tuple[int, int]:
    """The time and size of a file, which change when its content does.

    Raises:
        ConfigError: if it is missing, or no file, such as a pipe that nobody writes to.
    """
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{str(path)!r}: this task file cannot be read ({reason})") from None
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{str(path)!r}: this task file cannot be read (it is no regular file); take it out")
    return status.st_mtime_ns, status.st_size


@functools.lru_cache(maxsize=1024)  # Cached because the digest of a suite is computed for every trial.
def _parsed(path: Path, _modified: int, _size: int) -> dict[str, Any]:
    """The keys of one file, without those of the files that it includes."""
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
    """The tasks that a name stands for: the task itself, or all tasks of a group, also through inner groups and tags."""
    return _leaves(files, name, {}, ())


def tags(files: dict[str, Path]) -> dict[str, list[str]]:
    """Tag -> names of the tasks that have it."""
    found: dict[str, list[str]] = {}
    for name, path in sorted(files.items()):
        for tag in _tags_in(path):
            found.setdefault(tag, []).append(name)
    return found


def _leaves(files: dict[str, Path], name: str, said: dict[str, Any], above: tuple[str, ...]) -> list[TaskFile]:
    """The tasks that a name stands for, where the keys `said` by the groups `above` override those of its file."""
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
    """A task's tags. Its file is parsed only if it, or a file that it includes, mentions tags at all."""
    if not _mentions_tags(path):
        return ()
    content = read(path)
    found = content.get("tag") if "group" not in content else None
    return tuple(map(str, found)) if isinstance(found, list) else (str(found),) if found else ()


def _mentions_tags(path: Path) -> bool:
    if not path.is_file():
        return False
    text = path.read_bytes()
    return bool(TAG.search(text)) or any(_mentions_tags(home(path) / name.decode()) for name in INCLUDE.findall(text))


def missing_modules(path: Path) -> list[str]:
    """Names of modules that the code of a task imports and that are not installed."""
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
    """The files of the modules from which a task file uses functions."""
    return [home(path) / f"{module}.py" for module in FUNCTION.findall(path.read_text(encoding="utf-8"))]


def with_includes(path: Path, above: tuple[Path, ...] = ()) -> list[Path]:
    """A task file and all files that it includes; `above` are the files that include it.

    Raises:
        ConfigError: as `read` does.
    """
    content = _parsed(path, *_stamp(path))
    included = _included(path, content, above)
    return [path, *(place for inner in included for place in with_includes(inner, (*above, path)))]


def _imports(tree: ast.AST) -> Iterator[str]:
    """Names of modules that a file imports when it is imported itself, not within functions or for type checkers only."""
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
