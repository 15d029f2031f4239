"""The reference of the YAML's keys is made from the schema; every shipped configuration fits it."""

from pathlib import Path

import pytest
import yaml

from admire.campaign.key_reference import EXAMPLE, render
from admire.campaign.loading import load, parse
from admire.campaign.schema.campaign import Campaign

CONFIG = Path(__file__).parents[2] / "config"
SHIPPED = sorted(CONFIG.glob("*.yaml"))


def test_the_file_in_the_repository_is_the_rendering():
    mend = "run: python -m admire.campaign.key_reference > config/README.md"
    assert (CONFIG / "README.md").read_text(encoding="utf-8") == render(), mend


def test_every_key_is_there_with_a_meaning():
    rows = [line.split(" | ") for line in render().splitlines() if line.startswith("| `")]
    assert all(row[-1].removesuffix(" |").strip() for row in rows)
    assert {row[0].strip("| `") for row in rows} >= Campaign.model_fields.keys()


@pytest.mark.parametrize("words", ["integer > 0", "number ≥ 0, < 1", "`cosine` or `linear`", "mapping: text → number"])
def test_types_are_told_in_words(words):
    assert words in render()


def test_the_example_is_a_campaign():
    assert parse(yaml.safe_load(EXAMPLE), "the example").target.name == "large"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_configurations_load(path):
    assert load(path).target.target


def test_the_default_configuration_is_shipped():
    assert "laptop.yaml" in {path.name for path in SHIPPED}
