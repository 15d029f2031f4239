"""Turn an error of the schema into one sentence: the key, the mistake, and what may have been meant."""

from __future__ import annotations

import difflib
import typing
from typing import Any

from pydantic_core import ErrorDetails

from admire.campaign.schema.base import LONGEST_NAME, Strict
from admire.campaign.schema.campaign import Campaign


def sentence(error: ErrorDetails) -> str:
    """One pydantic error as a sentence with the key, the mistake and, for an unknown key, the most similar known one."""
    steps = [part for part in error["loc"] if part not in ("domain-loss", "lm-eval", "Task") and "[" not in str(part)]
    place = ".".join(map(str, steps))
    message = str(error["msg"]).removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if error["type"] == "extra_forbidden":
        known = _keys_at(error["loc"][:-1])
        near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"known keys are {', '.join(sorted(known))}"
        return f"{place}: unknown key; {hint}"
    if error["type"] == "missing":
        return f"{place}: this key is missing; config/README.md says what it means"
    if error["type"] == "string_too_long":
        shown = place if len(place) < LONGEST_NAME else f"{place[:60]}..."
        return f"{shown}: a name has at most {LONGEST_NAME} letters; shorten it"
    if error["type"] == "string_pattern_mismatch":
        letters = "lower-case letters, digits and -" if place == "name" else "letters, digits, _ . and -"
        return f"{place}: {error.get('input')!r} is no name; use {letters}, a letter or digit first"
    given = "" if error["type"] == "value_error" else f", got {error.get('input')!r}"
    return f"{place}: {message}{given}" if place else f"{message}{given}"


def _keys_at(location: tuple[str | int, ...]) -> list[str]:
    """The keys that the schema knows at a place of the YAML, found by following the annotations."""

    def models(annotation: Any) -> list[type[Strict]]:
        if isinstance(annotation, type) and issubclass(annotation, Strict):
            return [annotation]
        return [found for part in typing.get_args(annotation) for found in models(part)]

    here: list[type[Strict]] = [Campaign]
    for part in location:
        fields = [model.model_fields[part] for model in here if part in model.model_fields]
        here = [found for field in fields for found in models(field.annotation)] if fields else here
    return [key for model in here for key in model.model_fields]
