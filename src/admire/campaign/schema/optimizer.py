"""The section `optimizer`: the method that chooses the next trials, its settings, and when it stops early."""

from __future__ import annotations

from typing import Annotated

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
