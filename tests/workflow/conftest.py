"""Campaigns to look at and to copy."""

import pytest
from campaign_bench import Bench
from finished_once import finished_once
from ready_verbs import ready_verbs


@pytest.fixture(scope="session")
def verbs(tmp_path_factory):
    """Starts of Python with torch are most of what a tiny campaign costs; here they are made once."""
    with ready_verbs(tmp_path_factory.mktemp("verbs")) as folder:
        yield folder


@pytest.fixture
def bench(tmp_path, verbs):
    return Bench(tmp_path, verbs)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, verbs):
    """A tiny campaign, run to its end."""
    return finished_once(tmp_path_factory, "finished", Bench.snakemake, verbs)
