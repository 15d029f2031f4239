"""What the schema wants at each place of a campaign: a text as it is written, or the boolean or number that YAML makes of it."""

from __future__ import annotations

import types
import unicodedata
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from admire.campaign.reading import MOST_LEVELS, Plain
from admire.errors import ConfigError

LARGEST = 10**18  # of a number; what is larger is a slip of the keyboard, and breaks arithmetic elsewhere


def typed(value: Any, annotation: Any) -> Any:
    """A campaign, or a part of one, with texts where its schema wants texts, and with values elsewhere.

    Args:
        value: as it was read, nested mappings and lists.
        annotation: the schema's type.

    Raises:
        ConfigError: names the key, and what to write.
    """
    return _typed(value, _alternatives(annotation), ())


def _typed(value: Any, alternatives: list[Any], place: tuple[str, ...]) -> Any:
    """The same for what stands at a place, where the schema has these alternatives."""
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
        # Python would count it as 1 or 0 without a word
        raise _refused(place, f"{str(value).lower()} is a boolean where a number is wanted; write the number")
    elif isinstance(value, int | float) and not abs(value) <= LARGEST:  # not a number is no number up to it either
        raise _refused(place, f"not a number up to {LARGEST:.0e}; correct it")
    return value


def _alternatives(annotation: Any) -> list[Any]:
    """The members of a union, without what annotates them."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _alternatives(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [found for one in get_args(annotation) for found in _alternatives(one)]
    return [annotation]


def _below(alternatives: list[Any], key: str) -> list[Any]:
    """What the schema wants under a key; nothing under one that it does not know."""
    found = [get_args(one)[1] for one in alternatives if get_origin(one) is dict]
    for one in alternatives:
        if isinstance(one, type) and issubclass(one, BaseModel) and key in one.model_fields:
            found.append(one.model_fields[key].annotation)
    return [alternative for one in found for alternative in _alternatives(one)]


def _key(key: Any, place: tuple[str, ...]) -> str:
    """A key, which is a text."""
    if not isinstance(key, str):
        raise _refused(place, f"the key {key!r} is no text; put it in quotes")
    _check_text(key, place)
    return key


def _check_text(text: str, place: tuple[str, ...]) -> None:
    """Refuse what no file's name, table or terminal can hold."""
    wrong = next((one for one in text if unicodedata.category(one) in ("Cc", "Cs") and one not in "\n\t"), None)
    if wrong is not None:
        raise _refused(place, f"the text holds the control character U+{ord(wrong):04X}; remove it")


def _refused(place: tuple[str, ...], reason: str) -> ConfigError:
    where = ".".join(place)
    return ConfigError(f"{where}: {reason}" if where else reason)
