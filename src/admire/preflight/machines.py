"""Can each model be trained on the machines that it requests: can they share a batch, are the libraries installed?"""

from __future__ import annotations

from importlib.util import find_spec

from admire.campaign.batch import share
from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.models import Model
from admire.errors import ConfigError

# Some values of keys of `resources` need a package: (key, value) -> (its module, its name for pip).
OPTIONAL = {
    ("attention", "flash_attention_2"): ("flash_attn", "flash-attn"),
    ("liger", True): ("liger_kernel", "liger-kernel"),
}


def check_machines(campaign: Campaign, origin: str) -> None:
    """Refuse batches that the processes cannot share, settings that need GPUs without any, and libraries that are not installed.

    Raises:
        ConfigError: names the model, the key and the fix.
    """
    for model in campaign.models:
        try:
            _check(campaign, model)
        except ConfigError as error:
            raise ConfigError(f"{origin}: models.{model.name}: {error}") from None


def _check(campaign: Campaign, model: Model) -> None:
    training, needs = campaign.training_of(model), model.resources
    share(training.batch_size, needs.world, needs.rows_per_device)
    if needs.sharding == "full" and (needs.world == 1 or not needs.gpus):
        raise ConfigError("resources.sharding: full spreads a model over several GPUs; raise gpus, or remove sharding")
    if needs.attention == "flash_attention_2" and not needs.gpus:
        raise ConfigError("resources.attention: flash_attention_2 needs a GPU; raise gpus, or remove attention")
    if needs.padding_free and training.kind == "pretrain":
        raise ConfigError("resources.padding_free: pre-training has no padding; remove it")
    for (key, value), (module, package) in OPTIONAL.items():
        if getattr(needs, key) == value and find_spec(module) is None:
            raise ConfigError(
                f"resources.{key}: the package {package} is not installed; `pip install {package}`, or remove the key"
            )
