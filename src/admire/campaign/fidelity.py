"""The fidelities of a campaign: every model size, trained to every share of its steps."""

from __future__ import annotations

from dataclasses import dataclass

from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.models import Model
from admire.space import money
from admire.space.steps import DECAY_SHARE


@dataclass(frozen=True)
class Fidelity:
    """One of them.

    Attributes:
        share: of the training steps, in (0, 1].
        cost: nominal cost of a trial that begins anew, in the budget's unit.
    """

    model: Model
    share: float
    cost: float

    @property
    def name(self) -> str:
        """How tables call it."""
        return label(self.model.name, self.share)


def fidelities(campaign: Campaign) -> tuple[Fidelity, ...]:
    """All of them, cheapest first."""
    fixed = campaign.fidelity.fixed
    every = (
        Fidelity(model, share, money.times(model.cost, money.total([fixed, money.times(money.left(1, fixed), share)])))
        for model in campaign.models
        for share in campaign.fidelity.steps
    )
    return tuple(sorted(every, key=lambda one: one.cost))


def kept(campaign: Campaign) -> float:
    """Of a model's cost, what going on with a trial need not pay again, times the share to which it was trained: all
    but the decay."""
    return money.times(money.left(1, DECAY_SHARE), money.left(1, campaign.fidelity.fixed))


def label(model: str, share: float | str) -> str:
    """A model that is trained to a share of its steps, in words: `S @ 25 %`; trained to the end it is `S`."""
    return model if float(share) == 1 else f"{model} @ {100 * float(share):g} %"
