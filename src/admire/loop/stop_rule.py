"""When a campaign's lane ends: nothing affordable is worth a trial, or the expected gain falls below the threshold in the YAML."""

from __future__ import annotations

from admire.campaign.schema.campaign import Campaign
from admire.trials.decision_records import UpdateRecord


def why_ended(campaign: Campaign, learnt: UpdateRecord) -> str | None:
    """The reason for which a lane ends after its last update, by today's configuration; None if it continues.

    A lane that proposed nothing continues when the budget is raised; one below `optimizer.stop_below` when that is lowered.
    """
    if learnt.proposed == 0 and campaign.total <= learnt.budget:
        return learnt.reason
    if (gain := learnt.gain_per_cost) is not None and gain < campaign.optimizer.stop_below:
        return f"the largest expected gain per {campaign.budget.unit} ({gain:.2g}) is below optimizer.stop_below"
    return None
