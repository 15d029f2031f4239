"""The section `benchmark`: the mixtures that `snakemake benchmark` compares with the recommendation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt

from admire.campaign.schema.base import Strict


class Comparison(Strict):
    """The mixtures that `snakemake benchmark` compares with the recommendation, at the target and on the test split."""

    replicates: PositiveInt = 3
    """Number of new trainings per mixture, with seeds that no campaign has used."""
    mixtures: list[Literal["uniform", "natural", "prior"]] = ["uniform", "natural"]
    """Fixed mixtures; `prior` is the baseline mixture, `mixture.prior`."""
    methods: list[str] = Field(default_factory=lambda: ["random"])
    """Other methods whose recommendations are compared. Each gets the same budget in a campaign of its own, `<name>-<method>`."""
