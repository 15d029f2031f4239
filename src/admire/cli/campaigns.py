"""How subcommands name a campaign: by its YAML files (later ones override earlier ones), or by the name of one that has run."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from admire.campaign.schema.campaign import Campaign
    from admire.campaign.site import Site


def add_campaign(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """Add the positional CAMPAIGN, which is optional if there is a default, and `--results`."""
    parser.add_argument(
        "campaign",
        nargs="*" if default else "+",
        default=[default],
        metavar="CAMPAIGN",
        help="the campaign's YAML file; several files, of which later ones override keys of earlier ones; - for standard input; "
        "or the name of a campaign that has run",
    )
    parser.add_argument(
        "--results", help="the results folder (default: the one in the YAML; `results` for a campaign given by name)"
    )


def add_campaign_option(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """Add `--campaign`, for subcommands whose positional argument is something else."""
    parser.add_argument(
        "--campaign",
        nargs="+",
        required=required,
        metavar="CAMPAIGN",
        help="the campaign's YAML file, or the name of a campaign that has run",
    )
    parser.add_argument(
        "--results", help="the results folder (default: the one in the YAML; `results` for a campaign given by name)"
    )


def resolve(args: argparse.Namespace) -> Campaign:
    """The campaign that the arguments name.

    Raises:
        ConfigError: if it is neither a readable YAML nor the name of a campaign that has run.
    """
    # These imports are local because building the schema takes time that `--help` need not spend.
    from pathlib import Path

    from admire.campaign.layout import Layout
    from admire.campaign.loading import load
    from admire.errors import ConfigError

    first = args.campaign[0]
    if len(args.campaign) == 1 and first != "-" and not first.endswith((".yaml", ".yml")):
        layout = Layout(Path(args.results or "results"))
        path = layout.campaign(first).config
        if not path.is_file():
            known = sorted(found.parent.name for found in layout.root.glob("campaigns/*/campaign.yaml"))
            hint = f"campaigns that have: {', '.join(known)}" if known else "none has, yet"
            raise ConfigError(f"no campaign called '{first}' has run under {layout.root}/ ({hint}); or give its YAML")
        return load(path)
    campaign = load(*args.campaign)
    return campaign.model_copy(update={"results": args.results}) if args.results else campaign


def add_site(parser: argparse.ArgumentParser) -> None:
    """Add `--profile` and `--site`, for subcommands that take a cluster's profile into account."""
    parser.add_argument(
        "--profile", help="the Snakemake profile of a Slurm cluster: its folder or name, for example slurm"
    )
    parser.add_argument("--site", help="the settings of that profile as JSON; the workflow passes them in this form")


def resolve_site(args: argparse.Namespace) -> Site | None:
    """The cluster that the arguments name, or None if they name none."""
    import json

    from admire.campaign.site import Site, read_site

    if args.site is not None:
        return Site(**json.loads(args.site))
    return read_site(args.profile) if args.profile is not None else None
