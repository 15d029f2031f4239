"""Read YAML files into nested mappings, in the same way for all commands and for the workflow, without converting values.

A plain scalar that YAML would make a number, a boolean or a date is kept as it was written (`Plain`), because only the schema knows
whether text is meant (`admire.campaign.typed`): a source may be called `no`, and a revision `2024-05-01`. Nothing is evaluated, and
a file can cause neither a deep recursion nor, through aliases, the use of much memory.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from admire.errors import ConfigError

# Largest number of values in a file, where an alias counts each time it is used. The largest campaigns have some thousands.
MOST_NODES = 100_000
MOST_LEVELS = 64  # largest number of mappings and lists within each other
MOST_BYTES = 10_000_000
DEFAULT = "config/laptop.yaml"  # A configuration without the key `name` is merged over this campaign.

NULL, TEXT, MERGE = "tag:yaml.org,2002:null", "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"
TYPED = {f"tag:yaml.org,2002:{kind}": kind for kind in ("bool", "int", "float", "timestamp")}
# YAML 1.1 reads 1e3 as text, because it has no decimal point, but whoever writes 1e3 means a number.
EXPONENT = re.compile(r"[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+")
BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
OCTAL = re.compile(r"[-+]?0[0-7_]+")


@dataclass(frozen=True)
class Plain:
    """A scalar without quotes that YAML would not read as text.

    Attributes:
        text: the scalar as it is written.
        kind: the type that YAML would give it: `bool`, `int`, `float` or `timestamp`.
    """

    text: str
    kind: str

    @property
    def value(self) -> Any:
        """The boolean or number that the text stands for.

        Raises:
            ConfigError: if two readers of YAML could disagree about the value; says what to write instead.
            ValueError: if Python cannot represent the number.
        """
        if self.kind == "timestamp":
            raise ConfigError(f"{self.text} is read as a date; put it in quotes where a text is meant")
        if BASE_60.fullmatch(self.text):
            raise ConfigError(
                f"{self.text} is read in base 60; write the number itself, or quotes where a text is meant"
            )
        if OCTAL.fullmatch(self.text):
            raise ConfigError(
                f"{self.text} is read in base 8; leave the leading 0 out, or use quotes where a text is meant"
            )
        digits = self.text.replace("_", "")
        if self.kind == "bool":
            return yaml.SafeLoader.bool_values[digits.lower()]
        if self.kind == "int":
            return int(digits, 0)
        return float(re.sub(r"^([-+]?)\.(inf|nan)$", r"\1\2", digits, flags=re.IGNORECASE))


def configuration(files: list[Path], overrides: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The configuration that the workflow runs: the files, merged with the values of `--config`, which take precedence.

    If there is no `name`, all of this is merged over the default campaign. Returns the mapping and its origin.

    Raises:
        ConfigError: as `read`.
    """
    own = [_shown(path) for path in files]
    raw, origin = read(own)
    raw = merge(raw, overrides)
    if "name" in raw:
        return raw, origin
    return merge(read([DEFAULT])[0], raw), origin or DEFAULT


def read(paths: Sequence[str | Path]) -> tuple[dict[str, Any], str]:
    """Read one or more YAML files, later ones over earlier ones; `-` is standard input. Returns the mapping and its origin.

    Raises:
        ConfigError: if a file is missing, not YAML, not a mapping, or contains code; names the file and its line.
    """
    raw: dict[str, Any] = {}
    for path in paths:
        raw = merge(raw, _read(path))
    return raw, " + ".join("the configuration" if str(path) == "-" else str(path) for path in paths)


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the keys of `over`, mapping by mapping, as Snakemake merges a second `--configfile`."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def content_of(text: str) -> Any:
    """The content of a YAML text as texts, `Plain`s, None, lists and mappings. Nothing is evaluated, no object is constructed.

    Raises:
        yaml.YAMLError: if it is not YAML, or exceeds the bounds.
        ValueError, OverflowError: if an escape or a directive has a number out of range.
    """
    node = _Loader(text).get_single_node()
    return None if node is None else _Content().of(node)


def _shown(path: Path) -> Path:
    """A path as a person would write it: relative if it lies below the working directory."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _read(path: str | Path) -> dict[str, Any]:
    """The mapping that one file holds."""
    name = "the configuration" if str(path) == "-" else str(path)
    text = _text(path, name)
    try:
        content = content_of(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        if "expected a single document" in str(error):
            problem, where = "it holds several documents, one is read; remove what stands behind the second ---", ""
        raise ConfigError(f"{name}{where}: this is not valid YAML ({problem})") from None
    except (ValueError, OverflowError) as error:  # An escape or a directive has a number out of range.
        raise ConfigError(f"{name}: this is not valid YAML ({error})") from None
    if not isinstance(content, dict):
        found = "nothing" if content is None else "a list" if isinstance(content, list) else "plain text"
        raise ConfigError(f"{name}: expected keys with values, found {found}; {DEFAULT} shows how")
    evaluated = [key for key in ("__use_yte__", "__definitions__", "__variables__") if key in content]
    if evaluated:
        raise ConfigError(
            f"{name}: {evaluated[0]}: Snakemake runs code that stands in such a file, so it is refused; write the values "
            "themselves, and look at a file that is not yours by `admire plan FILE` before anything else"
        )
    return content


def _text(path: str | Path, name: str) -> str:
    """The text of a file, or of standard input for `-`."""
    try:
        raw = sys.stdin.buffer.read(MOST_BYTES + 1) if str(path) == "-" else _bytes(Path(path))
    except FileNotFoundError:
        raise ConfigError(f"{name}: no such file; the shipped campaigns are in config/") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{name}: cannot be read ({error})") from None
    if len(raw) > MOST_BYTES:
        raise ConfigError(f"{name}: more than {MOST_BYTES / 1e6:.0f} MB; no campaign is that long, correct the name")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError(f"{name}: the file is UTF-16; save it as UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name}, line {line}: cannot be read, this is not UTF-8; save the file as UTF-8") from None


def _bytes(path: Path) -> bytes:
    with open(path, "rb") as stream:
        return stream.read(MOST_BYTES + 1)


class _Loader(yaml.SafeLoader):
    """Composes nodes without constructing objects, and refuses too many nodes and too deep nesting before it recurses."""

    level = nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose a node after counting it and its level."""
        self.level, self.nodes = self.level + 1, self.nodes + 1
        if self.level > MOST_LEVELS:
            raise _refused(f"more than {MOST_LEVELS} levels of lists and mappings within each other", self.peek_event())
        if self.nodes > MOST_NODES:
            raise _refused(f"more than {MOST_NODES:,} values", self.peek_event())
        node = super().compose_node(parent, index)
        self.level -= 1
        return node


class _Content:
    """Converts nodes to their content. Each use of an alias counts all values that it stands for."""

    def __init__(self) -> None:
        self.left = MOST_NODES
        self.within: set[int] = set()

    def of(self, node: yaml.Node) -> Any:
        """The content of a node: a text, a `Plain`, None, a list or a mapping."""
        self.left -= 1
        if self.left < 0:
            raise _refused(f"its aliases stand for more than {MOST_NODES:,} values", node)
        if id(node) in self.within:
            raise _refused("an alias stands within what it stands for", node)
        if len(self.within) >= MOST_LEVELS:
            raise _refused(f"more than {MOST_LEVELS} levels of lists and mappings within each other", node)
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if node.tag not in ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            raise _refused(f"the tag {node.tag} is not read; remove it", node)
        self.within.add(id(node))
        found = self._mapping(node) if isinstance(node, yaml.MappingNode) else [self.of(part) for part in node.value]
        self.within.remove(id(node))
        return found

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        """The content of a mapping. Its own keys take precedence over merged ones (`<<`), and earlier merges over later ones."""
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == MERGE:
                for part in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    found = self.of(part)
                    if not isinstance(found, dict):
                        raise _refused("<< merges mappings alone", part)
                    merged = found | merged
                continue
            if not isinstance(key, yaml.ScalarNode):
                kind = "list" if isinstance(key, yaml.SequenceNode) else "mapping"
                raise _refused(f"a {kind} stands as a key, keys are texts; put it in quotes if it is one", key)
            name = key.value
            _scalar(key)  # This refuses keys with tags.
            if name in own:
                raise _refused(f"the key '{name}' stands twice", key)
            own[name] = self.of(value)
        return merged | own


def _scalar(node: yaml.ScalarNode) -> str | Plain | None:
    """The content of a scalar, not yet converted."""
    if node.tag == NULL:
        return None
    if node.tag in TYPED:
        return Plain(node.value, TYPED[node.tag])
    if node.tag not in (TEXT, MERGE, "tag:yaml.org,2002:value"):
        raise _refused(f"the tag {node.tag} is not read; remove it", node)
    plain = node.style is None and EXPONENT.fullmatch(node.value)
    return Plain(node.value, "float") if plain else node.value


def _refused(problem: str, where: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=where.start_mark)
