"""List the methods that `optimizer.method` can name: what each is, where it comes from, what it needs."""

from __future__ import annotations

import argparse

from admire.optimize.registry import METHODS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(args: argparse.Namespace) -> None:
    """Print one line a method."""
    width = max(map(len, METHODS))
    for name, entry in METHODS.items():
        print(f"{name:<{width}}  {entry.what}. From: {entry.source}. Needs: {entry.needs}.")
