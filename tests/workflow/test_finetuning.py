"""The loop for fine-tuning: a base model that the workflow pre-trains, TRL on it, lm-eval on tasks of our own."""

import csv
import json

import pytest
import yaml
from campaign_folder import ROOT, TINY
from finished_once import finished_once

pytestmark = pytest.mark.loop
CONTEXT = 256  # tokens: of fewer, prompts would leave none to the answer


@pytest.fixture(scope="module")
def finetuned(tmp_path_factory, subcommands):
    campaign = {
        "name": "tiny-sft",
        "sources": {
            name: {"corpus": f"chat-{name}", "max_documents": 300, "left_out_at_most": 1}
            for name in ("facts", "strings", "sentiment")
        },
        "tokenizer": {"chat_template": str(ROOT / "config/chat.jinja")},
        "held_out": {"validation": 0.1, "test": 0.1, "max_rows": 8},
        "mixture": {"rows": 32, "max_epochs": 2},
        "models": [
            {
                "name": "S",
                "cost": 0.2,
                "target": True,
                "base": {"campaign": "base.yaml", "model": "S"},
                "resources": {"mem_gb": 1},
            }
        ],
        "training": {"kind": "sft", "sequence_length": CONTEXT, "batch_size": 8, "learning_rate": 0.01},
        "validation": {"times": 3},
        "evaluation": {
            "skills": {
                "kind": "lm-eval",
                "include_path": str(ROOT / "config/tasks"),
                "chat_template": True,
                "limit": 8,
                "tasks": {"facts": "acc", "strings": "acc"},
            }
        },
        "objective": {"skills/facts": 1, "skills/strings": 1},
        "optimizer": {"initial": 2},
        "budget": {"total": 0.6, "unit": "CPU-minutes"},
        "benchmark": {"methods": []},
    }

    def run(bench):
        base = yaml.safe_load(TINY.read_text())
        base["models"][0]["architecture"]["max_position_embeddings"] = CONTEXT
        (bench.folder / "base.yaml").write_text(yaml.safe_dump(base, sort_keys=False))
        path = bench.folder / "tiny-sft.yaml"
        path.write_text(yaml.safe_dump(campaign, sort_keys=False))
        return bench.snakemake(configs=(path,))

    return finished_once(tmp_path_factory, "finetuned", run, subcommands)


def test_base_is_trained_outside_the_budget(finetuned):
    base = json.loads((finetuned.results / "campaigns/tiny-sft/base/proposal.json").read_text())["trials"]
    assert [entry["base_of"] for entry in base] == [["S"]]
    folder = finetuned.results / "trials/S" / base[0]["spec"]["digest"] / "share_1"
    assert len((folder / "validation.csv").read_text().splitlines()) == 1 + 2  # as the campaign says that lends it
    rows = list(csv.DictReader((finetuned.results / "campaigns/tiny-sft/results.csv").open()))
    assert base[0]["spec"]["digest"] not in {row["digest"] for row in rows}
    assert sum(float(row["cost"]) for row in rows) <= 0.6 + 1e-9


def test_every_trial_starts_from_that_base_and_is_scored_by_the_tasks(finetuned):
    base = json.loads((finetuned.results / "campaigns/tiny-sft/base/proposal.json").read_text())["trials"][0]["spec"][
        "digest"
    ]
    rows = list(csv.DictReader((finetuned.results / "campaigns/tiny-sft/results.csv").open()))
    assert len(rows) >= 2 and {row["state"] for row in rows} == {"done"}
    for row in rows:
        spec = json.loads((finetuned.folder / row["folder"] / "spec.json").read_text())
        assert spec["decides"]["model"] == {"base": base}
        with (finetuned.folder / row["folder"] / "share_1/validation.csv").open() as stream:
            assert [float(point["bits:facts"]) > 0 for point in csv.DictReader(stream)] == [True] * 3
        assert 0 <= float(row["metric:skills/facts"]) <= 1 and float(row["stderr:skills/facts"]) >= 0
    assert (finetuned.results / "campaigns/tiny-sft/recommendation.yaml").is_file()
