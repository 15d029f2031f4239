"""Does the budget reach the target's final training and the initial design?"""

from __future__ import annotations

from admire.campaign.config import Campaign
from admire.campaign.fidelities import fidelities
from admire.errors import ConfigError


def check_budget(campaign: Campaign, origin: str) -> None:
    """Refuse a budget that could not end with a trained target.

    Raises:
        ConfigError: says how much is missing.
    """
    unit, total = campaign.budget.unit, campaign.budget.total
    final = campaign.target.cost * campaign.budget.final_replicates
    whole, cheapest = campaign.design_cost, fidelities(campaign)[0]
    design = whole or campaign.optimizer.initial * cheapest.cost
    if total < final:
        raise ConfigError(
            f"{origin}: budget.total: {total:g} {unit} do not reach the target's final training "
            f"({campaign.budget.final_replicates} x {campaign.target.name} = {final:g} {unit}); "
            f"raise it to {final + design:g} or more, which buys the initial design too"
        )
    if total < final + design - 1e-9:  # sums of decimal costs carry rounding errors
        if whole:
            raise ConfigError(
                f"{origin}: budget.total: {total:g} {unit} do not reach the design ({design:g} {unit}) and the target's final "
                f"training ({final:g} {unit}); leave budget.total out, or lower optimizer.design.trials"
            )
        raise ConfigError(
            f"{origin}: budget.total: {total:g} {unit} do not reach the initial design ({campaign.optimizer.initial} x "
            f"{cheapest.name} = {design:g} {unit}) beside the target's final training ({final:g} {unit}); "
            f"raise it to {final + design:g} or more, or lower optimizer.initial"
        )
