"""The sections that say how trials are chosen and paid for: `optimizer`, `budget` and `benchmark`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from admire.campaign.schema.base import Name, Strict


class Design(Strict):
    """Method `design`: random mixtures around the baseline mixture, all decided at once. The mixtures of a larger model are the
    first ones of the smaller model's list."""

    trials: dict[Name, PositiveInt]
    """Model -> number of mixtures that it trains. A model that is left out trains none."""
    concentration: PositiveFloat | None = None
    """Mixtures are drawn from a Dirichlet distribution whose parameters are this number times the baseline mixture: the larger the
    number, the closer they lie to the baseline mixture. If left out, it is the number of sources."""


class Optimizer(Strict):
    """How the next trial is chosen."""

    method: str = "admire"
    """The method that decides; `admire methods` lists the names."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the decisions. It does not enter any training."""
    initial: PositiveInt = 16
    """Number of trials of the initial design, which are decided in one batch before any score is known."""
    kernel: str | None = None
    """Method `admire`: the covariance over mixtures, `matern` (default), `rbf`, `linear` or `spectral`."""
    fidelity_kernel: str | None = None
    """Method `admire`: the covariance over model sizes, `autoregressive` (default), `downsampling`, `linear-truncated` or
    `independent`."""
    acquisition: str | None = None
    """Method `admire`: the acquisition function, `log-ei` (default), `ucb`, `thompson`, `mes-per-cost` or `kg-per-cost`."""
    design: Design | None = None
    """Method `design`: its settings. The method needs them, and no other method takes them."""
    stop_below: NonNegativeFloat = 0.0
    """The campaign stops early when the expected gain of the objective at the target, per unit of cost, is below this number; with
    0 it never does."""

    @property
    def options(self) -> dict[str, str]:
        """The options of the method that are set in the YAML, by name."""
        wanted = {name: getattr(self, name) for name in ("kernel", "fidelity_kernel", "acquisition")}
        return {name: value for name, value in wanted.items() if value is not None}


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


class Comparison(Strict):
    """The mixtures that `snakemake benchmark` compares with the recommendation, at the target and on the test split."""

    replicates: PositiveInt = 3
    """Number of new trainings per mixture, with seeds that no campaign has used."""
    mixtures: list[Literal["uniform", "natural", "prior"]] = ["uniform", "natural"]
    """Fixed mixtures; `prior` is the baseline mixture, `mixture.prior`."""
    methods: list[str] = Field(default_factory=lambda: ["random"])
    """Other methods whose recommendations are compared. Each gets the same budget in a campaign of its own, `<name>-<method>`."""
