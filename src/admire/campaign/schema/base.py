"""What every section of the schema is made of: strict models, and the names that users choose."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

LONGEST_NAME = 100  # a file system takes 255 bytes, and names stand beside digests and each other in files' names


def no_refrain(name: str) -> str:
    """Snakemake takes a name with a piece that stands 20 times in a row for a loop of its rules."""
    if re.search(r"(.+)\1{19}", name):
        raise ValueError("a part of this name stands 20 times in a row; choose another")
    return name


Name = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=LONGEST_NAME), AfterValidator(no_refrain)
]
Share = Annotated[float, Field(gt=0, lt=1)]


class Strict(BaseModel):
    """Unknown keys are refused, values are finite, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)
