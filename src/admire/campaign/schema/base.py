"""The base of every section of the schema: the strict model, and the type of names that users choose."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

# File systems allow 255 bytes per file name, and some file names join several of these names and a digest.
LONGEST_NAME = 100


def no_refrain(name: str) -> str:
    """Refuse a name in which one part is repeated 20 times in a row: Snakemake mistakes that for an endless loop of its rules."""
    if re.search(r"(.+)\1{19}", name):
        raise ValueError("a part of this name stands 20 times in a row; choose another")
    return name


Name = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=LONGEST_NAME), AfterValidator(no_refrain)
]
Share = Annotated[float, Field(gt=0, lt=1)]


class Strict(BaseModel):
    """A model that refuses unknown keys and numbers that are not finite, and that cannot be changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)
