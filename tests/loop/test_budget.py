"""A campaign whose budget is a sum of its costs buys exactly these trials: told before, and decided, step by step."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_campaign import CARDS, RAW

from admire.campaign.layout import Layout
from admire.campaign.loading import load
from admire.campaign.recipes import source_digest
from admire.campaign.schema.campaign import Campaign
from admire.errors import ConfigError
from admire.loop.cost_plan import make_plan
from admire.loop.decisions import decide
from admire.preflight.budget import check_budget
from admire.trials.atomic_files import read_json, write_json
from admire.trials.ledger import Ledger


def decimal(digits: int, places: int) -> str:
    """`digits` units of the last of so many decimal places, as a person writes it."""
    text = str(digits).rjust(places + 1, "0")
    return f"{text[: len(text) - places]}.{text[len(text) - places :]}" if places else f"{text}.0"


def written(folder: Path, cost: str, total: str, replicates: int, batch: int, initial: int = 1) -> Campaign:
    """A campaign as it is read from a file, whose sources are prepared."""
    path = folder / "tiny.yaml"
    path.write_text(
        yaml.safe_dump(
            RAW
            | {"results": str(folder / "results"), "optimizer": {"method": "random", "initial": initial}}
            | {"models": [RAW["models"][0] | {"cost": "COST"}]}
            | {"budget": {"total": "TOTAL", "final_replicates": replicates, "batch": batch}}
        )
        .replace("COST", cost)
        .replace("TOTAL", total)
    )
    campaign = load(path)
    layout = Layout(Path(campaign.results))
    for name, card in CARDS.items():
        write_json(layout.card(name, source_digest(campaign, name)), card)
    return campaign


def bought(campaign: Campaign) -> int:
    """Trials that the campaign decides until nothing more is affordable."""
    for step in range(100):
        if not read_json(decide(campaign, f"step_{step:04d}/lane_0"))["trials"]:
            break
    return len(Ledger.read(campaign).trials)


@settings(max_examples=25)
@given(
    digits=st.integers(1, 999),
    places=st.integers(0, 9),
    n=st.integers(1, 12),
    replicates=st.integers(0, 3),
    batch=st.integers(1, 4),
    short=st.booleans(),
)
def test_the_budget_buys_exactly_its_trials(digits, places, n, replicates, batch, short):
    # `short`: one unit of a further decimal place is missing for the last trial
    cost, whole = decimal(digits, places), (n + replicates) * digits
    total = decimal(10 * whole - 1, places + 1) if short else decimal(whole, places)
    with tempfile.TemporaryDirectory() as folder:
        campaign = written(Path(folder), cost, total, replicates, batch)
        expected = n - 1 if short else n
        assert make_plan(campaign).trials() == (expected, expected)
        assert make_plan(campaign).lines[0].affordable == expected
        assert bought(campaign) == expected
        left = Fraction(total) - (expected + replicates) * Fraction(cost)
        assert make_plan(campaign).open == float(left)


@settings(max_examples=25)
@given(digits=st.integers(1, 999), places=st.integers(0, 9), initial=st.integers(1, 20), replicates=st.integers(0, 3))
def test_the_design_and_the_reserve_are_enough_to_the_last_digit(digits, places, initial, replicates):
    whole = (initial + replicates) * digits
    with tempfile.TemporaryDirectory() as folder:
        cost = decimal(digits, places)
        check_budget(written(Path(folder), cost, decimal(whole, places), replicates, 1, initial), "tiny.yaml")
        short = written(Path(folder), cost, decimal(10 * whole - 1, places + 1), replicates, 1, initial)
        with pytest.raises(ConfigError, match=r"budget\.total"):
            check_budget(short, "tiny.yaml")


@pytest.mark.parametrize(
    ("cost", "total", "replicates", "trials"),
    [("0.1", "0.3", 0, 3), ("0.1", "0.8", 1, 7), ("1.1", "3.3", 2, 1), ("0.7", "4.9", 1, 6), ("0.001", "0.009", 2, 7)],
)
def test_sums_that_binary_numbers_miss(tmp_path, cost, total, replicates, trials):
    campaign = written(tmp_path, cost, total, replicates, batch=1)
    assert make_plan(campaign).trials() == (trials, trials) and bought(campaign) == trials
