"""Do the tasks of the suites exist, and does the objective weigh each metric with the right sign?"""

from __future__ import annotations

from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.evaluation import Benchmarks
from admire.errors import ConfigError
from admire.evaluate.directions import check_directions
from admire.evaluate.lm_eval_suite import check_tasks as check_suite


def check_tasks(campaign: Campaign, origin: str) -> None:
    """Refuse suites whose tasks do not exist or cannot be scored as the YAML says, and an objective that rewards worse scores.

    Raises:
        ConfigError: names the key.
    """
    for name, suite in campaign.evaluation.items():
        if isinstance(suite, Benchmarks):
            try:
                check_suite(suite)
            except ConfigError as error:
                raise ConfigError(f"{origin}: evaluation.{name}: {error}") from None
    try:
        check_directions(campaign)
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from None
