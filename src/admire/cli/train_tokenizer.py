"""Train the campaign's tokenizer on the campaign's own sources; if the YAML names an existing tokenizer, do nothing."""

from __future__ import annotations

import argparse

from admire.cli.campaigns import add_campaign_option, resolve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this subcommand's arguments."""
    add_campaign_option(parser)


def run(args: argparse.Namespace) -> None:
    """Train and save the tokenizer; print its folder."""
    campaign = resolve(args)
    from admire.data.tokenizers import train_tokenizer

    print(train_tokenizer(campaign) or "the campaign uses a ready tokenizer: nothing to train")
