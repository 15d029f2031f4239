"""Are the benchmark tasks known?"""

from __future__ import annotations

from admire.campaign.config import Benchmarks, Campaign
from admire.errors import ConfigError
from admire.evaluate.benchmarks import check_tasks as check_suite


def check_tasks(campaign: Campaign, origin: str) -> None:
    """Refuse suites with tasks that do not exist.

    Raises:
        ConfigError: names the key.
    """
    for name, suite in campaign.evaluation.items():
        if isinstance(suite, Benchmarks):
            try:
                check_suite(suite)
            except ConfigError as error:
                raise ConfigError(f"{origin}: evaluation.{name}: {error}") from None
