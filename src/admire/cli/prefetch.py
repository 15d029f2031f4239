"""Fetch what a campaign takes from the hub: models, tokenizers, datasets, the benchmarks' data.

On a login node, once. Everything after it is offline. Weights are fetched as safetensors only; what is in the caches already
is not fetched again.
"""

from __future__ import annotations

import argparse
import os

from admire.cli.campaigns import add_campaign, resolve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The campaign."""
    add_campaign(parser)


def run(args: argparse.Namespace) -> int:
    """Fetch, and say what is there."""
    campaign = resolve(args)
    from admire.errors import ConfigError
    from admire.preflight.hub import missing, needs, to_install
    from admire.preflight.prefetch import fetch

    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        if os.environ.get(name, "0") not in ("", "0"):
            raise ConfigError(f"{name} is set, which forbids what prefetch is for; unset it")
    wanted = needs(campaign)
    if install := to_install(wanted):
        raise ConfigError(f"first {install}")
    for line in fetch(campaign, wanted):
        print(line, flush=True)
    if left := missing(wanted):
        raise ConfigError(f"still missing: {'; '.join(left)}")
    print(f"{campaign.name}: everything is on this machine")
    return 0
