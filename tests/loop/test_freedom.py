"""Sources that must give all that they have leave nothing to decide: refused where several trials would be spent, and said."""

import json
from pathlib import Path

import pytest
import yaml

from admire.campaign.layout import Layout
from admire.campaign.loading import load
from admire.campaign.recipes import source_digest
from admire.cli.main import main
from admire.errors import ConfigError
from admire.loop.decisions import decide
from admire.trials.atomic_files import write_json

TINY = Path(__file__).parents[1] / "workflow/tiny.yaml"


@pytest.fixture
def tell(tmp_path, monkeypatch, capsys):
    """What a plan says, or refuses, of the tiny campaign when its sources were prepared with so many rows."""
    monkeypatch.chdir(tmp_path)

    def say(rows, held, total=0.75, prepared=True, **mixture):
        raw = yaml.safe_load(TINY.read_text())
        raw["mixture"] = {"rows": rows, "max_epochs": 1} | mixture
        raw["budget"]["total"], raw["optimizer"]["initial"] = total, 1
        for name in held:
            Path(f"{name}.jsonl").write_text("".join(json.dumps({"text": "x" * 40}) + "\n" for _ in range(50)))
            raw["sources"][name] = {"files": f"{name}.jsonl"}
        Path("c.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
        campaign = load("c.yaml")
        for name, source in campaign.sources.items():
            stat = Path(f"{name}.jsonl").stat()
            files = [[f"{name}.jsonl", stat.st_size, int(stat.st_mtime)]]
            card = {"name": name, "tokenizer_sha256": "f" * 64, "files": files, "entry": source.deciding}
            card["splits"] = {
                split: {"sha256": name * 8, "rows": held[name]} for split in ("train", "validation", "test")
            }
            if prepared:
                write_json(Layout(Path("results")).card(name, source_digest(campaign, name)), card)
        monkeypatch.setattr("admire.data.prepared_source.check_files", lambda *_: None)
        code = main(["plan", "c.yaml"])
        said = capsys.readouterr()
        assert bool(code) == bool(said.err)
        return said.err or said.out

    return say


THREE = {"arithmetic": 10, "strings": 20, "stories": 34}


def test_a_single_mixture_is_refused_with_the_rows_there_are(tell):
    said = tell(64, THREE)
    assert "mixture.rows: 64 rows are all that the sources give (64 with mixture.max_epochs 1)" in said
    assert "lower mixture.rows, raise mixture.max_epochs or add data" in said


def test_a_single_trial_may_be_of_a_single_mixture(tell):
    said = tell(64, THREE, total=0.3)
    assert "mixture: a single mixture is possible: mixture.rows takes 64 of the 64 rows" in said


def test_sources_that_can_hardly_move_are_named(tell):
    said = tell(1000, {"arithmetic": 500, "strings": 499, "stories": 9})
    assert (
        "mixture: by less than 1% can move arithmetic 49.20% to 50.00%, strings 49.10% to 49.90%, stories 0.10% to 0.90%"
        in said
    )
    assert "mixture.rows takes 1,000 of the 1,008 rows that the sources give with mixture.max_epochs 1" in said


def test_epochs_are_counted_and_freedom_is_not_mentioned(tell):
    assert "mixture:" not in tell(64, THREE, max_epochs=2)
    assert "mixture.rows: 128 rows are all that the sources give (128 with mixture.max_epochs 2)" in tell(
        128, THREE, max_epochs=2
    )


def test_the_first_decision_knows_what_no_file_tells(tell):
    tell(64, THREE, total=0.3)  # what is prepared now
    campaign = load("c.yaml")
    raised = campaign.model_copy(update={"budget": campaign.budget.model_copy(update={"total": 5.0})})
    with pytest.raises(ConfigError, match=r"so a single mixture is possible and no trial can find a better one"):
        decide(raised, "step_0000/lane_0")
