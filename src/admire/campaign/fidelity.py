"""The fidelities of a campaign: all pairs of a model size and a fraction of its training steps."""

from __future__ import annotations

from dataclasses import dataclass

from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.models import Model
from admire.space import money
from admire.space.steps import DECAY_SHARE


@dataclass(frozen=True)
class Fidelity:
    """A model size that is trained to a fraction of its steps.

    Attributes:
        share: fraction of the training steps, in (0, 1].
        cost: nominal cost of a trial that starts at step 0, in the budget's unit.
    """

    model: Model
    share: float
    cost: float

    @property
    def name(self) -> str:
        """The name of the fidelity in tables, such as `S @ 25 %`."""
        return label(self.model.name, self.share)


def fidelities(campaign: Campaign) -> tuple[Fidelity, ...]:
    """All fidelities of a campaign, the cheapest first."""
    fixed = campaign.fidelity.fixed
    every = (
        Fidelity(model, share, money.times(model.cost, money.total([fixed, money.times(money.left(1, fixed), share)])))
        for model in campaign.models
        for share in campaign.fidelity.steps
    )
    return tuple(sorted(every, key=lambda one: one.cost))


def kept(campaign: Campaign) -> float:
    """The saving when a trial is resumed: `kept * f * cost`, for a trial trained to the fraction f and a model of cost `cost`.

    The fixed cost is paid again, and so are the steps in which the learning rate decayed.
    """
    return money.times(money.left(1, DECAY_SHARE), money.left(1, campaign.fidelity.fixed))


def label(model: str, share: float | str) -> str:
    """The name of a model that is trained to a fraction of its steps, such as `S @ 25 %`; after the whole training, `S`."""
    return model if float(share) == 1 else f"{model} @ {100 * float(share):g} %"
