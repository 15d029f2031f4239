"""The section `budget`: how much the campaign may spend, and how its decisions are divided."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt

from admire.campaign.schema.base import Strict


class Budget(Strict):
    """How much the campaign may spend, in the unit of the models' costs."""

    total: PositiveFloat | None = None
    """The cost of all trials together, the target's final trainings included. Only with method `design` may it be left out: it is
    then the cost of the design and the final trainings."""
    unit: str = "GPU-hours"
    """Name of the unit of cost, shown in tables and plans."""
    lanes: PositiveInt = 1
    """Number of sequences of decisions that run side by side."""
    batch: PositiveInt = 1
    """Number of trials per decision."""
    final_replicates: Annotated[int, Field(ge=0)] = 1
    """Number of trainings of the target on the recommended mixture. Their cost is reserved from the start; 0 trains none."""
