"""Bounds on the size and depth of YAML that is not trusted, checked on its stream of events without composing or recursion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from admire.campaign.reading import MOST_BYTES, MOST_LEVELS, MOST_NODES

_Events: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class _Part:
    """A list or mapping that has not ended yet.

    Attributes:
        before: number of values before it.
        levels: number of levels found below it so far.
    """

    anchor: str | None
    before: int
    levels: int = 0


def check_bounds(raw: bytes) -> None:
    """Refuse YAML with more bytes, values or levels than a campaign file may have. Each use of an alias counts all its values.

    Raises:
        yaml.YAMLError: if there are too many values or levels, if an alias contains itself, or if it is not YAML.
        ValueError: if there are too many bytes, or characters that YAML does not allow.
    """
    if len(raw) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES / 1e6:.0f} MB")
    named: dict[str, tuple[int, int]] = {}  # anchor -> number of values and levels in its node
    open_parts: list[_Part] = []
    count = 0
    for event in yaml.parse(raw, Loader=_Events):
        below = 0
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in {part.anchor for part in open_parts}:
                raise _refused("an alias stands within what it stands for", event)
            size, below = named.get(event.anchor or "", (0, 0))
            count += size
        elif isinstance(event, yaml.CollectionStartEvent):
            open_parts.append(_Part(event.anchor, count))
            count += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            part = open_parts.pop()
            below = part.levels + 1
            if part.anchor is not None:
                named[part.anchor] = (count - part.before, below)
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            if event.anchor is not None:
                named[event.anchor] = (1, 0)
        if open_parts:
            open_parts[-1].levels = max(open_parts[-1].levels, below)
        if count > MOST_NODES:
            raise _refused(f"it stands for more than {MOST_NODES:,} values, aliases counted", event)
        if len(open_parts) + below > MOST_LEVELS:
            raise _refused(f"it has more than {MOST_LEVELS} levels of lists and mappings within each other", event)


def _refused(problem: str, where: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=where.start_mark)
