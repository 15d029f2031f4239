"""Duplicate keys in lm-eval's task files: lm-eval silently takes the last of the values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from admire.campaign.task_files import Loader, TaskFile, shipped, with_includes
from admire.errors import ConfigError


def check_keys(leaves: list[TaskFile]) -> None:
    """Refuse tasks whose files contain a key twice with different values. Files of their groups and included files count too.

    Raises:
        ConfigError: names the file, the line and the key.
    """
    own = [place for leaf in leaves for place in (*leaf.groups, leaf.path) if place is not None]
    for path in dict.fromkeys(inner for place in own for inner in with_includes(place)):
        for key in _twice(path):
            fix = "keep the one that is meant"
            if path.is_relative_to(shipped()):
                fix += " in a copy below include_path"
            line = key.start_mark.line + 1
            raise ConfigError(f"{path}, line {line}: the key '{key.value[:60]}' stands twice, with two values; {fix}")


def _twice(path: Path) -> Iterator[yaml.ScalarNode]:
    """The nodes of keys that appear again in the same mapping with another value."""
    with path.open("rb") as stream:
        waiting = [yaml.compose(stream, Loader=Loader)]
    seen: set[int] = set()
    while waiting:
        node = waiting.pop(0)
        if id(node) in seen or not isinstance(node, yaml.CollectionNode):
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
            continue
        met: dict[tuple[str, str], Any] = {}
        for key, value in node.value:
            waiting.append(value)
            if not isinstance(key, yaml.ScalarNode):
                continue
            if _plain(met.setdefault((key.tag, key.value), value)) != _plain(value):
                yield key


def _plain(node: yaml.Node, depth: int = 0) -> Any:
    """The content of a node in a form that can be compared with that of another node."""
    if isinstance(node, yaml.ScalarNode) or depth > 20:
        return node.tag, node.value if isinstance(node, yaml.ScalarNode) else id(node)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(part, depth + 1) for part in node.value]
    return [(_plain(key, depth + 1), _plain(value, depth + 1)) for key, value in node.value]
