"""The task files that lm-eval would read, looked at without lm-eval: its own index takes 15 s to build, this one a second.

Only what is asked before anything is spent: does a task exist, which metrics does it list, does it run generated code.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import yaml

NAME = re.compile(
    rb"""^["']?(?:task|group)["']?[ \t]*:[ \t]*["']?([^\s"'#\[\]{}]+)["']?[ \t]*(?:#.*)?$""", re.MULTILINE
)


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
