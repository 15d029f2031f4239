"""Campaigns to look at and to copy."""

import pytest
from campaign_folder import CampaignFolder
from finished_once import finished_once
from forked_commands import forked_commands


@pytest.fixture(scope="session")
def subcommands(tmp_path_factory):
    """Starts of Python with torch are most of what a tiny campaign costs; here they are made once."""
    with forked_commands(tmp_path_factory.mktemp("subcommands")) as folder:
        yield folder


@pytest.fixture
def bench(tmp_path, subcommands):
    return CampaignFolder(tmp_path, subcommands)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, subcommands):
    """A tiny campaign, run to its end."""
    return finished_once(tmp_path_factory, "finished", CampaignFolder.snakemake, subcommands)
