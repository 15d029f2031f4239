"""List the methods that `optimizer.method` in a campaign's YAML can name, with their sources and their requirements."""

from __future__ import annotations

import argparse

from admire.optimize.registry import METHODS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: this subcommand takes no arguments."""


def run(args: argparse.Namespace) -> None:
    """Print one line per method."""
    width = max(map(len, METHODS))
    for name, entry in METHODS.items():
        print(f"{name:<{width}}  {entry.what}. From: {entry.source}. Needs: {entry.needs}.")
