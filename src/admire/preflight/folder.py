"""Can the results folder be written, and does the disk hold what the plan needs?"""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from admire.campaign.config import Campaign
from admire.errors import ConfigError

# A run that starts with less than this cannot even write its logs and tables.
LEAST_FREE = 100e6


def check_folder(campaign: Campaign, origin: str) -> None:
    """Refuse a results folder that cannot be made or written, or a full disk.

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
    free = shutil.disk_usage(existing).free
    if free < LEAST_FREE:
        raise ConfigError(
            f"{origin}: results: only {free / 1e6:.0f} MB are free at {existing}; free at least {LEAST_FREE / 1e6:.0f} MB, "
            "or set results to another disk"
        )
