"""Render `config/README.md`, the reference of the YAML's keys, from the schema.

Run `python -m admire.campaign.key_reference > config/README.md` after a change of the schema; a test compares the two.
"""

from __future__ import annotations

import types
import typing
from typing import Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from admire.campaign.schema.base import Strict
from admire.campaign.schema.campaign import Campaign

EXAMPLE = """\
name: my-campaign
sources:
  web: {files: "data/web/*.jsonl"}
  code: {files: "data/code/*.parquet", column: content}
  papers: {dataset: my-org/papers, split: train}
tokenizer: {vocabulary: 4096}
mixture:
  rows: 20000          # windows of training.sequence_length tokens per trial
  max_epochs: 2        # no row is drawn more often than this
  prior: natural       # the baseline mixture, which is the mixture to beat
models:                # cheapest first
  - name: small
    cost: 0.2
    architecture: {model_type: llama, hidden_size: 256, num_hidden_layers: 4, num_attention_heads: 4}
  - name: large
    cost: 4
    target: true       # the recommendation is for this one
    architecture: {model_type: llama, hidden_size: 1024, num_hidden_layers: 16, num_attention_heads: 16}
    resources: {gpus: 1, minutes: 300}
training: {sequence_length: 512, batch_size: 64, learning_rate: 1.0e-3}
evaluation:
  loss: {kind: domain-loss}
objective: {loss/web: -1, loss/papers: -2}   # losses: lower is better; papers matter twice as much
optimizer: {method: admire, initial: 16}
budget: {total: 60, unit: GPU-hours}
"""

HEAD = """\
# Configuration

A campaign is one YAML file, which holds its whole configuration; settings that differ between clusters are in
`profiles/`. `snakemake --cores 2 --configfile config/<campaign>.yaml` runs it, and `admire plan config/<campaign>.yaml`
prints what it will cost. A second file after `--configfile` overrides single keys of the first. Unknown keys are
refused.

This page is made from `src/admire/campaign/schema/` by `python -m admire.campaign.key_reference > config/README.md`.

## A short example
"""

KINDS = {str: "text", int: "integer", float: "number", bool: "true or false", Any: "anything"}


def render() -> str:
    """The whole page, in Markdown."""
    parts = [HEAD, f"```yaml\n{EXAMPLE}```\n", "## Keys of a campaign\n", _section(Campaign)]
    for place, model in _places(Campaign):
        parts += [f"## `{place}`\n", _section(model)]
    return "\n".join(parts)


def _section(model: type[Strict]) -> str:
    """The description of one model of the schema, and a table of its keys."""
    lines = [_plain(model.__doc__), "", "| key | type | default | meaning |", "|---|---|---|---|"]
    for key, field in model.model_fields.items():
        meaning = _plain(field.description)
        lines.append("| " + " | ".join([f"`{key}`", *map(_cell, (_type(field), _default(field), meaning))]) + " |")
    return "\n".join(lines) + "\n"


def _places(model: type[Strict], prefix: str = "") -> list[tuple[str, type[Strict]]]:
    """Every mapping below `model` with its place in the YAML, such as `models[].resources` or `sources.<name>`, depth first."""
    found = []
    for key, field in model.model_fields.items():
        for inner, mark in _models(field.annotation):
            place = f"{prefix}{key}{mark}"
            kind = inner.model_fields.get("kind")
            which = (
                f" with kind: {typing.get_args(kind.annotation)[0]}" if kind is not None and kind.is_required() else ""
            )
            found += [(f"{place}{which}", inner), *_places(inner, f"{place}.")]
    return found


def _models(annotation: Any, mark: str = "") -> list[tuple[type[Strict], str]]:
    """The models in an annotation, each with the suffix that its place in the YAML gets: `[]` in a list, `.<name>` in a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        return [(annotation, mark)]
    mark = {list: "[]", dict: ".<name>"}.get(typing.get_origin(annotation), mark)
    return [found for part in typing.get_args(annotation) for found in _models(part, mark)]


def _type(field: FieldInfo) -> str:
    return _words(field.annotation, field.metadata)


def _words(annotation: Any, bounds: list[Any]) -> str:
    """A type in plain words, such as `list of text` or `integer > 0`."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _words(parts[0], list(parts[1:]))
    if origin is typing.Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin in (typing.Union, types.UnionType):
        words = [_words(part, []) for part in parts if part is not type(None)]
        return " or ".join(dict.fromkeys(words))
    if origin is list:
        return f"list of {_words(parts[0], [])}".replace("mapping", "mappings")
    if origin is dict:
        return f"mapping: {_words(parts[0], [])} → {_words(parts[1], [])}"
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        return "mapping"
    return KINDS[annotation] + _bounds(bounds)


def _bounds(metadata: list[Any]) -> str:
    """The limits of a number with a leading blank, such as ` ≥ 0`; empty if there are none."""
    found = []
    for bound in metadata:
        # Types that pydantic itself defines, such as PositiveInt, keep their limits in a nested annotation.
        for limit in getattr(bound, "metadata", None) or [bound]:
            match limit:
                case Gt(gt=value):
                    found.append(f"> {value:g}")
                case Ge(ge=value):
                    found.append(f"≥ {value:g}")
                case Lt(lt=value):
                    found.append(f"< {value:g}")
                case Le(le=value):
                    found.append(f"≤ {value:g}")
    return " " + ", ".join(found) if found else ""


def _default(field: FieldInfo) -> str:
    """The default value, spelt as in the YAML."""
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined:
        return "–"
    if isinstance(value, Strict):
        return "its own defaults"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _plain(text: str | None) -> str:
    return " ".join((text or "").split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(render(), end="")
