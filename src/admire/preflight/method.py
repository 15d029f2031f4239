"""Do the campaign's methods and their options exist, and do the methods support what the campaign does?"""

from __future__ import annotations

from admire.campaign.schema.campaign import Campaign
from admire.errors import ConfigError
from admire.optimize.registry import check_name, check_options, entry


def check_methods(campaign: Campaign, origin: str) -> None:
    """Refuse unknown methods and options, and methods that do not support early stops or fine-tuning if the campaign has these.

    Raises:
        ConfigError: names the key and, for an unknown name, the most similar known one.
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
