"""What a campaign may still spend: its budget, what is committed, and the reserve for the target's final trainings.

Amounts are decimal numbers as people write them; `space/money.py` has the sums and the one tolerance.
"""

from __future__ import annotations

from dataclasses import dataclass

from admire.campaign.fidelity import fidelities
from admire.campaign.schema.campaign import Campaign
from admire.space import money
from admire.trials.ledger import Ledger


@dataclass(frozen=True)
class Budget:
    """A campaign's budget at one moment, in its unit.

    Attributes:
        total: the whole.
        spent: nominal cost of the trials whose training has ended.
        committed: the same of all trials that are decided.
        reserved: what the target's final trainings cost while they are not decided.
    """

    total: float
    spent: float
    committed: float
    reserved: float

    @classmethod
    def untouched(cls, campaign: Campaign) -> Budget:
        """The budget before anything is decided."""
        return cls(campaign.total, 0.0, 0.0, campaign.reserve)

    @classmethod
    def of(cls, campaign: Campaign, ledger: Ledger, final_decided: bool = False) -> Budget:
        """The budget as the ledger has it.

        Args:
            final_decided: the final trainings are among the ledger's trials, so that nothing is reserved for them.
        """
        reserved = 0.0 if final_decided else campaign.reserve
        return cls(campaign.total, ledger.spent, ledger.committed, reserved)

    @property
    def left(self) -> float:
        """What is neither committed nor reserved; below zero after the budget was lowered."""
        return money.left(self.total, self.committed, self.reserved)

    @property
    def open(self) -> float:
        """What the optimiser may still decide on."""
        return max(self.left, 0.0)

    @property
    def uncommitted(self) -> float:
        """What is not committed, the reserve included."""
        return money.left(self.total, self.committed)

    def affordable(self, price: float, besides: float = 0.0) -> int:
        """How many trials at a price are bought by what is open, `besides` apart."""
        return money.affordable(money.left(self.open, besides), price)

    def buys(self, price: float) -> bool:
        """Whether what is left buys a trial at this price."""
        return money.buys(self.left, price)

    def needed(self, *prices: float) -> float:
        """The total that pays for these trials beside what is committed and reserved."""
        return money.total([self.committed, *prices, self.reserved])

    def reaches(self, amount: float) -> bool:
        """Whether the total is as much as an amount."""
        return money.buys(self.total, amount)


def opening_cost(campaign: Campaign) -> float:
    """What the initial design costs, or the whole of a design."""
    return campaign.design_cost or money.times(campaign.optimizer.initial, fidelities(campaign)[0].cost)
