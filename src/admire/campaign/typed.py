"""Convert the scalars of a campaign to the types of the schema: text stays as written, others become booleans or numbers."""

from __future__ import annotations

import types
import unicodedata
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from admire.campaign.reading import MOST_LEVELS, Plain
from admire.errors import ConfigError

LARGEST = 10**18  # A larger number is a typing error, and would break arithmetic elsewhere.


def typed(value: Any, annotation: Any) -> Any:
    """A campaign, or a part of one, with each `Plain` replaced by its text if the schema takes text there, otherwise by its value.

    Args:
        value: nested mappings and lists, as `admire.campaign.reading` returns them.
        annotation: the type that the schema has for the value.

    Raises:
        ConfigError: names the key, and what to write instead.
    """
    return _typed(value, _alternatives(annotation), ())


def _typed(value: Any, alternatives: list[Any], place: tuple[str, ...]) -> Any:
    """Do the same for the value at `place`, for which the schema allows the types in `alternatives`."""
    if len(place) > MOST_LEVELS:
        raise _refused(place[:3], f"more than {MOST_LEVELS} levels of lists and mappings within each other")
    if isinstance(value, dict):
        return {_key(key, place): _typed(part, _below(alternatives, key), (*place, key)) for key, part in value.items()}
    if isinstance(value, list):
        items = [found for one in alternatives if get_origin(one) is list for found in _alternatives(get_args(one)[0])]
        return [_typed(part, items, (*place, str(i))) for i, part in enumerate(value)]
    if isinstance(value, Plain):
        if any(one is str or get_origin(one) is Literal for one in alternatives):
            return value.text
        try:
            value = value.value
        except ConfigError as error:
            raise _refused(place, str(error)) from None
        except ValueError:
            raise _refused(place, f"{value.text[:40]} is no number that can be read; correct it") from None
    if isinstance(value, str):
        _check_text(value, place)
    elif isinstance(value, bool) and bool not in alternatives and (int in alternatives or float in alternatives):
        # Python would silently use it as 1 or 0.
        raise _refused(place, f"{str(value).lower()} is a boolean where a number is wanted; write the number")
    elif isinstance(value, int | float) and not abs(value) <= LARGEST:  # Written so that NaN is refused too.
        raise _refused(place, f"not a number up to {LARGEST:.0e}; correct it")
    return value


def _alternatives(annotation: Any) -> list[Any]:
    """The members of a union without their annotations; a list of one for any other type."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _alternatives(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [found for one in get_args(annotation) for found in _alternatives(one)]
    return [annotation]


def _below(alternatives: list[Any], key: str) -> list[Any]:
    """The types that the schema allows for the value of `key`; empty for a key that it does not know."""
    found = [get_args(one)[1] for one in alternatives if get_origin(one) is dict]
    for one in alternatives:
        if isinstance(one, type) and issubclass(one, BaseModel) and key in one.model_fields:
            found.append(one.model_fields[key].annotation)
    return [alternative for one in found for alternative in _alternatives(one)]


def _key(key: Any, place: tuple[str, ...]) -> str:
    """Return a key, or refuse it if it is not text."""
    if not isinstance(key, str):
        raise _refused(place, f"the key {key!r} is no text; put it in quotes")
    _check_text(key, place)
    return key


def _check_text(text: str, place: tuple[str, ...]) -> None:
    """Refuse control characters, which file names, tables and terminals cannot hold."""
    wrong = next((one for one in text if unicodedata.category(one) in ("Cc", "Cs") and one not in "\n\t"), None)
    if wrong is not None:
        raise _refused(place, f"the text holds the control character U+{ord(wrong):04X}; remove it")


def _refused(place: tuple[str, ...], reason: str) -> ConfigError:
    where = ".".join(place)
    return ConfigError(f"{where}: {reason}" if where else reason)
