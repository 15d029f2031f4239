"""Type checks for the keys of lm-eval's task files that ADMIRE reads, before lm-eval loads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from admire.errors import ConfigError


class _Entry(BaseModel):
    """A mapping in a task file of which only the listed keys are checked, and without any conversion."""

    model_config = ConfigDict(extra="allow", strict=True)


class _Metric(_Entry):
    metric: str
    higher_is_better: bool | None = None


class _Filter(_Entry):
    name: str


Splits = dict[str, str | list[str]]


class _Data(_Entry):
    data_files: str | list[str] | Splits | None = None


class _Examples(_Entry):
    split: str | None = None


class _Answer(_Entry):
    until: str | list[str] | None = None
    max_gen_toks: Annotated[int, Field(gt=0)] | None = None
    max_new_tokens: Annotated[int, Field(gt=0)] | None = None
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    max_completion_tokens: Annotated[int, Field(gt=0)] | None = None


class _File(_Entry):
    group: str | None = None
    task: str | list[str | dict[str, Any]] | None = None
    tag: str | list[str] | None = None
    dataset_path: str | None = None
    dataset_name: str | None = None
    dataset_kwargs: _Data | None = None
    test_split: str | None = None
    validation_split: str | None = None
    training_split: str | None = None
    fewshot_split: str | None = None
    fewshot_config: _Examples | str | None = None
    num_fewshot: Annotated[int, Field(ge=0)] | None = None
    output_type: str = "generate_until"
    generation_kwargs: _Answer | None = None
    metric_list: list[_Metric] | None = None
    aggregate_metric_list: list[_Metric] | _Metric | None = None
    filter_list: list[_Filter] | str | None = None


def check_types(origin: Path | str, content: dict[str, Any]) -> None:
    """Refuse a task or group in which a key has a value of a type that lm-eval does not take.

    Args:
        origin: the file of the task or group, for the message.
        content: its keys and values.

    Raises:
        ConfigError: names the file, the key and its value.
    """
    if not all(isinstance(key, str) for key in content):
        wrong = next(key for key in content if not isinstance(key, str))
        raise ConfigError(f"{origin}: the key {wrong!r} of this task file is no text; quote it")
    try:
        _File.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if not str(part)[:1].isupper() and "[" not in str(part))
        message = f"{first['msg'][:1].lower()}{first['msg'][1:]}"
        raise ConfigError(
            f"{origin}: {place}: {message}, got {str(first['input'])[:80]!r}; correct the task file"
        ) from None
