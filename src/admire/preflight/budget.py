"""Is the budget large enough: at first for the initial design and a final training, later for one more trial and final training?"""

from __future__ import annotations

from pathlib import Path

from admire.campaign.fidelity import fidelities
from admire.campaign.layout import FINAL, Layout, standing
from admire.campaign.schema.campaign import Campaign
from admire.errors import ConfigError
from admire.loop.budget import Budget, opening_cost
from admire.loop.lane_state import lanes
from admire.trials.decision_records import read_proposal
from admire.trials.ledger import Ledger


def check_budget(campaign: Campaign, origin: str) -> None:
    """Refuse a budget that is smaller than the initial design and the target's final training cost together.

    Raises:
        ConfigError: names the smallest budget that is large enough.
    """
    budget = Budget.untouched(campaign)
    unit, total, final = campaign.budget.unit, budget.total, budget.reserved
    design, cheapest = opening_cost(campaign), fidelities(campaign)[0]
    both = budget.needed(design)
    if not budget.reaches(final):
        raise ConfigError(
            f"{origin}: budget.total: {total:g} {unit} do not reach the target's final training "
            f"({campaign.budget.final_replicates} x {campaign.target.name} = {final:g} {unit}); "
            f"raise it to {both:.12g} or more, which buys the initial design too"
        )
    if not budget.reaches(both):
        if campaign.design_cost:
            raise ConfigError(
                f"{origin}: budget.total: {total:g} {unit} do not reach the design ({design:g} {unit}) and the target's final "
                f"training ({final:g} {unit}); leave budget.total out, or lower optimizer.design.trials"
            )
        raise ConfigError(
            f"{origin}: budget.total: {total:g} {unit} do not reach the initial design ({campaign.optimizer.initial} x "
            f"{cheapest.name} = {design:g} {unit}) beside the target's final training ({final:g} {unit}); "
            f"raise it to {both:.12g} or more, or lower optimizer.initial"
        )


def check_raised_budget(campaign: Campaign, origin: str) -> None:
    """Refuse a finished campaign whose budget was raised by too little to continue.

    Continuing costs at least one trial of the cheapest fidelity and the final training of the mixture that is recommended then.

    Raises:
        ConfigError: names the smallest budget that is large enough.
    """
    files = Layout(Path(campaign.results)).campaign(campaign.name)
    decided = {path.name: standing(files.special(path.name)) for path in files.folder.glob(f"{FINAL}_*")}
    last = max((name for name, path in decided.items() if path.is_file()), key=_number, default=None)
    if last is None or any(lane.begun > _number(last) for lane in lanes(campaign)):
        return
    before = read_proposal(decided[last]).budget
    budget = Budget.of(campaign, Ledger.read(campaign))
    unit, total, final = campaign.budget.unit, budget.total, budget.reserved
    trial = fidelities(campaign)[0].cost
    needed = budget.needed(trial)
    if before is not None and before < total and not budget.reaches(needed):
        raise ConfigError(
            f"{origin}: budget.total: {total:g} {unit} leave {budget.uncommitted:.4g} beside what is spent, too little "
            f"for another trial ({trial:g}) and the final training after it ({final:g}); raise it to {needed:.12g} or more, or "
            f"leave it at {before:g}"
        )


def _number(final: str) -> int:
    return int(final.removeprefix(f"{FINAL}_"))
