"""How large and how deep a stranger's YAML may be, told from its events alone: nothing is composed, nothing recurses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from admire.campaign.reading import MOST_BYTES, MOST_LEVELS, MOST_NODES

_Events: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class _Part:
    """A list or mapping of which the end has not come yet: the values before it, and the levels below it so far."""

    anchor: str | None
    before: int
    levels: int = 0


def check_bounds(raw: bytes) -> None:
    """Refuse more bytes, values (each use of an alias counted with all that it stands for) or levels than a campaign file may have.

    Raises:
        yaml.YAMLError: if it goes beyond them, an alias stands within what it stands for, or it is no YAML.
        ValueError: if it has too many bytes, or characters that no YAML has.
    """
    if len(raw) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES / 1e6:.0f} MB")
    named: dict[str, tuple[int, int]] = {}  # anchor -> values and levels of what it stands for
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
