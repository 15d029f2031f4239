"""How far a mixture can move at all: sources that must give nearly all that they have leave nothing to decide."""

from __future__ import annotations

import numpy as np

from admire.campaign.fidelity import fidelities
from admire.campaign.schema.campaign import Campaign
from admire.errors import ConfigError
from admire.loop.budget import Budget
from admire.space.counts import row_limits

LEAST = 0.01  # of the mixture: a source whose weight moves by less is hardly decided about
SHOWN = 5  # sources that a note names


def ranges(campaign: Campaign, available: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fewest and most rows (K each) that a target's trial can take from each source.

    Args:
        available: K training rows that each source holds, or no more than that; infinite where unknown.
    """
    total = float(campaign.rows(campaign.target))
    limits = np.minimum(row_limits(available, campaign.mixture.max_epochs), total)
    others = limits.sum() - limits
    return np.maximum(total - others, 0.0), limits


def check_freedom(campaign: Campaign, available: np.ndarray) -> None:
    """Refuse to spend a budget on several trials where a single mixture is possible.

    Raises:
        ConfigError: names mixture.rows, mixture.max_epochs and the rows there are.
    """
    low, high = ranges(campaign, available)
    if (high - low >= 1).any() or Budget.untouched(campaign).affordable(fidelities(campaign)[0].cost) < 2:
        return
    raise ConfigError(
        f"campaign '{campaign.name}', mixture.rows: {campaign.rows(campaign.target):,} rows are all that the sources give "
        f"({high.sum():,.0f} with mixture.max_epochs {campaign.mixture.max_epochs:g}), so a single mixture is possible and no "
        "trial can find a better one; lower mixture.rows, raise mixture.max_epochs or add data"
    )


def freedom_notes(campaign: Campaign, available: np.ndarray) -> list[str]:
    """What a plan says of sources whose weights can hardly move; nothing where all can."""
    low, high = ranges(campaign, available)
    total = campaign.rows(campaign.target)
    tight = np.flatnonzero((high - low) / total < LEAST)
    if not len(tight):
        return []
    names = list(campaign.sources)
    shown = ", ".join(f"{names[i]} {low[i] / total:.2%} to {high[i] / total:.2%}" for i in tight[:SHOWN])
    more = f" and {len(tight) - SHOWN} more" if len(tight) > SHOWN else ""
    everything = (high - low < 1).all()
    what = "a single mixture is possible" if everything else f"by less than {LEAST:.0%} can move {shown}{more}"
    return [
        f"mixture: {what}: mixture.rows takes {total:,} of the {high.sum():,.0f} rows that the sources give with "
        f"mixture.max_epochs {campaign.mixture.max_epochs:g}; lower mixture.rows, raise mixture.max_epochs or add data"
    ]
