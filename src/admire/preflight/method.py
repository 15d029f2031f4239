"""Are the methods known?"""

from __future__ import annotations

from admire.campaign.config import Campaign
from admire.errors import ConfigError
from admire.optimize.methods import check_name


def check_methods(campaign: Campaign, origin: str) -> None:
    """Refuse unknown methods, with the nearest known name.

    Raises:
        ConfigError: names the key.
    """
    wanted = [("optimizer.method", campaign.optimizer.method)]
    wanted += [(f"benchmark.methods[{i}]", name) for i, name in enumerate(campaign.benchmark.methods)]
    for key, name in wanted:
        try:
            check_name(name)
        except ConfigError as error:
            raise ConfigError(f"{origin}: {key}: {error}") from None
