"""Download everything that a campaign needs from the hub: models, tokenizers, datasets, and the evaluation tasks' data.

Run this once, on a machine with internet access such as a login node; everything after it works offline. Model weights are
downloaded as safetensors only. Files that are already in the caches are not downloaded again.
"""

from __future__ import annotations

import argparse
import os

from admire.cli.campaigns import add_campaign, resolve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the campaign."""
    add_campaign(parser)


def run(args: argparse.Namespace) -> int:
    """Download, and print one line per item."""
    campaign = resolve(args)
    from admire.errors import ConfigError
    from admire.preflight.hub import missing, needs, to_install
    from admire.preflight.prefetch import fetch

    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        if os.environ.get(name, "0") not in ("", "0"):
            raise ConfigError(f"{name} is set, which forbids every download; unset it for `admire prefetch`")
    wanted = needs(campaign)
    if install := to_install(wanted):
        raise ConfigError(f"first {install}")
    for line in fetch(campaign, wanted):
        print(line, flush=True)
    if left := missing(wanted):
        raise ConfigError(f"still missing: {'; '.join(left)}")
    print(f"{campaign.name}: everything is on this machine")
    return 0
