"""Can the results folder be written, and does its disk have space for at least the smallest trial?"""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from admire.campaign.schema.campaign import Campaign
from admire.errors import ConfigError
from admire.loop.cost_plan import parameters
from admire.trials.storage import size

# A run that starts with less than this cannot even write its logs and tables.
LEAST_FREE = 100e6


def check_folder(campaign: Campaign, origin: str) -> None:
    """Refuse a results folder that cannot be made or written, and a disk that is nearly full.

    Raises:
        ConfigError: names the folder and the key `results`.
    """
    root = Path(campaign.results)
    existing = root
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise ConfigError(f"{origin}: results: {existing} is a file, not a folder; set results to another path")
    probe = existing / f".admire-{uuid.uuid4().hex}"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise ConfigError(
            f"{origin}: results: {existing} cannot be written ({error.strerror}); make it writable, or set results to another path"
        ) from None
    free, least = shutil.disk_usage(existing).free, _least(campaign)
    if free < least:
        raise ConfigError(
            f"{origin}: results: only {size(free)} are free at {existing}; free at least {size(least)}, or set results to "
            "another disk"
        )


def _least(campaign: Campaign) -> float:
    """Bytes that the smallest trial needs, 4 per parameter for its weights and 12 for a checkpoint; at least `LEAST_FREE`."""
    counts = (parameters(model, campaign.tokenizer.vocabulary) for model in campaign.models)
    return max(LEAST_FREE, 16 * min((count for count in counts if count), default=0))
