"""Are the methods known, and their options, and do they know of trials that stop early?"""

from __future__ import annotations

from admire.campaign.schema.campaign import Campaign
from admire.errors import ConfigError
from admire.optimize.registry import check_name, check_options, entry


def check_methods(campaign: Campaign, origin: str) -> None:
    """Refuse unknown methods and options, with the nearest known name, and methods that the campaign cannot serve.

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
        if len(campaign.fidelity.steps) > 1 and not entry(name).stops:
            raise ConfigError(
                f"{origin}: {key}: {name} knows only whole trainings, and fidelity.steps lets them stop early; choose another, or "
                "take fidelity.steps out"
            )
        if name == "doremi" and campaign.training.kind != "pretrain":
            raise ConfigError(
                f"{origin}: {key}: doremi weighs sources of text, and training.kind is sft; choose another"
            )
    try:
        check_options(campaign.optimizer.method, campaign.optimizer.options)
    except ConfigError as error:
        raise ConfigError(f"{origin}: optimizer.{error}") from None
