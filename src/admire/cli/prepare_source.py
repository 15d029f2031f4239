"""Tokenise one of the campaign's sources into Arrow files, one folder per split, and write a card that describes them."""

from __future__ import annotations

import argparse

from admire.cli.campaigns import add_campaign_option, resolve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this subcommand's arguments."""
    parser.add_argument("source", metavar="SOURCE", help="a source's name in the campaign's YAML")
    parser.add_argument(
        "--threads", type=int, default=1, metavar="N", help="how many processes tokenise in parallel (default: 1)"
    )
    add_campaign_option(parser)


def run(args: argparse.Namespace) -> None:
    """Prepare the source; print its rows, tokens and bytes per split and the rows that were left out or cut."""
    from admire.errors import ConfigError

    if args.threads < 1:
        raise ConfigError(f"--threads: {args.threads} processes can do nothing; give 1 or more")
    campaign = resolve(args)
    from admire.data.left_out import Tally
    from admire.data.prepared_source import prepare_source
    from admire.trials.atomic_files import read_json

    path = prepare_source(campaign, args.source, args.threads)
    card = read_json(path)
    for line in Tally.of(card).lines().values():
        print(f"{args.source}: {line}")
    for split, found in card["splits"].items():
        print(f"{args.source} {split}: {found['rows']:,} rows, {found['tokens']:,} tokens, {found['bytes']:,} bytes")
    print(path)
