"""Campaigns to look at and to copy."""

import pytest
from campaign_bench import Bench


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A tiny campaign, run to its end once; its terminal output beside it."""
    bench = Bench(tmp_path_factory.mktemp("finished"))
    bench.output = bench.snakemake()
    return bench
