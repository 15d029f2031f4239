"""Load a campaign from its files, or a part of one from the command line. Errors are one sentence that names the key."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from admire.campaign.reading import read
from admire.campaign.refusal import sentence
from admire.campaign.schema.base import Strict
from admire.campaign.schema.campaign import Campaign
from admire.campaign.typed import typed
from admire.errors import ConfigError

Kind = TypeVar("Kind", bound=Strict)


def parse(raw: dict[str, Any], origin: str) -> Campaign:
    """Validate a campaign that was read from `origin` (a file name, for the message).

    Raises:
        ConfigError: names the file, the key and what is expected.
    """
    try:
        return Campaign.model_validate(_without_nulls(typed(raw, Campaign), ()))
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from None
    except ValidationError as error:
        # A union reports the errors of all its members. The deepest error belongs to the member that was meant; an error about
        # the type of the whole value belongs to none. An unknown key is preferred to a missing one, as it may be that key misspelt.
        def meant(one: ErrorDetails) -> tuple[int, bool, bool]:
            return len(one["loc"]), one["type"] == "extra_forbidden", not one["type"].endswith("_type")

        deepest = max(error.errors(), key=meant)
        raise ConfigError(f"{origin}: {sentence(deepest)}") from None


def _without_nulls(value: Any, place: tuple[str, ...]) -> Any:
    """Remove the keys whose value is null, so that a later file can remove a suite or a source by `name: null`.

    Within an architecture null stays, because it is a value there. Within a source's `where` it is refused with a ConfigError,
    because it could be meant as one.
    """
    if isinstance(value, list):
        return [_without_nulls(part, (*place, str(i))) for i, part in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if place[:1] == ("sources",) and place[2:] == ("where",):
        for key, part in value.items():
            if part is None:
                raise ConfigError(
                    f'{".".join(place)}.{key}: null is no text; write "null" in quotes to keep rows without a value'
                )
    kept = {key: part for key, part in value.items() if part is not None}
    return {key: part if key == "architecture" else _without_nulls(part, (*place, key)) for key, part in kept.items()}


def parse_argument(kind: type[Kind], text: str, origin: str) -> Kind:
    """Validate a part of a campaign that was given as JSON on the command line.

    Raises:
        ConfigError: names the origin, the key and what is expected.
    """
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(
            f"{origin}: {place}: {first['msg']}, got {first['input']!r}; config/README.md lists the keys"
        ) from None


def load(*paths: str | Path) -> Campaign:
    """Read and validate a campaign from one or more YAML files, later ones over earlier ones.

    Raises:
        ConfigError: names the file, the key and what is expected.
    """
    raw, origin = read(list(paths))
    return parse(raw, origin)
