"""The sections that say how trials are chosen and paid for: `optimizer`, `budget` and `benchmark`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from admire.campaign.schema.base import Name, Strict


class Design(Strict):
    """Method `design`: random mixtures around the prior, decided at once; a larger size trains the first of a smaller one's."""

    trials: dict[Name, PositiveInt]
    """Model -> how many mixtures it trains; a model that is left out trains none."""
    concentration: PositiveFloat | None = None
    """The Dirichlet's parameters are this number times the prior: the larger, the nearer to the prior; left out: the number of
    sources."""


class Optimizer(Strict):
    """How the next trial is chosen."""

    method: str = "admire"
    """A name that `admire methods` lists."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the decisions; it does not enter any training."""
    initial: PositiveInt = 16
    """Trials of the initial design, one batch."""
    kernel: str | None = None
    """Method `admire`: the covariance over mixtures, `matern` (default), `rbf`, `linear` or `spectral`."""
    fidelity_kernel: str | None = None
    """Method `admire`: that over sizes, `autoregressive` (default), `downsampling`, `linear-truncated` or `independent`."""
    acquisition: str | None = None
    """Method `admire`: `log-ei` (default), `ucb`, `thompson`, `mes-per-cost` or `kg-per-cost`."""
    design: Design | None = None
    """Method `design`: the whole of it."""
    stop_below: NonNegativeFloat = 0.0
    """Stop when the expected gain of the objective at the target, per unit of cost, is below this; 0 never stops early."""

    @property
    def options(self) -> dict[str, str]:
        """The method's options that are set."""
        wanted = {name: getattr(self, name) for name in ("kernel", "fidelity_kernel", "acquisition")}
        return {name: value for name, value in wanted.items() if value is not None}


class Budget(Strict):
    """What the campaign may spend, in the unit of the models' costs."""

    total: PositiveFloat | None = None
    """All trials together, the target's final training included; left out with method `design`: what the design costs."""
    unit: str = "GPU-hours"
    """The unit's name in tables and plans."""
    lanes: PositiveInt = 1
    """Sequences of decisions that run side by side."""
    batch: PositiveInt = 1
    """Trials of one decision."""
    final_replicates: Annotated[int, Field(ge=0)] = 1
    """Trainings of the target on the recommended mixture, reserved from the start; 0 where only the trials are wanted."""


class Comparison(Strict):
    """What `snakemake benchmark` compares the recommendation with, at the target, on the test split."""

    replicates: PositiveInt = 3
    """Fresh trainings of each mixture, with seeds that no campaign saw."""
    mixtures: list[Literal["uniform", "natural", "prior"]] = ["uniform", "natural"]
    """Fixed mixtures."""
    methods: list[str] = Field(default_factory=lambda: ["random"])
    """Other methods, each given the same budget in a campaign of its own, `<name>-<method>`."""
