"""A results folder that everybody may write to: anybody could then exchange its records, specs and model weights."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from admire.campaign.layout import Layout
from admire.campaign.schema.campaign import Campaign
from admire.health.finding import Finding
from admire.trials.ledger import Ledger


def open_folders(campaign: Campaign, ledger: Ledger) -> Iterator[Finding]:
    """At most one finding: on the folders of results, of this campaign and of its trials to which everybody may write."""
    layout = Layout(Path(campaign.results))
    looked_at = [layout.root, *layout.root.glob("*"), layout.campaign(campaign.name).folder]
    looked_at += [trial.files(campaign.results).folder for trial in ledger.trials]
    found = [folder for folder in looked_at if folder.is_dir() and folder.stat().st_mode & stat.S_IWOTH]
    if found:
        more = f" and {len(found) - 1} more folders" if len(found) > 1 else ""
        command = f"chmod -R o-w {shlex.quote(str(layout.root))}"
        yield Finding("open to others", f"everybody on this file system may change {found[0]}{more}", command)
