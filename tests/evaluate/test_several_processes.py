"""Several processes score what one scores: held-out losses to the bit, tasks of lm-eval up to rounding."""

import shutil
from pathlib import Path

import datasets
import numpy as np
import pytest

from admire.campaign.layout import Layout, TrialLayout, kept
from admire.campaign.loading import parse_argument
from admire.campaign.recipes import source_digest, suite_digest
from admire.campaign.schema.resources import Resources
from admire.cli.main import main
from admire.errors import ConfigError, TrialError
from admire.evaluate.run import evaluate

TASKS = Path(__file__).parents[2] / "config" / "tasks"
TWO = Resources(evaluation_processes=2)


@pytest.fixture
def trained(make_trial, tiny_model):
    """A trial of a campaign with weights."""

    def make(campaign) -> TrialLayout:
        files = make_trial(campaign, status="ok")
        shutil.copytree(tiny_model, files.model())
        return files

    return make


def by_one_and_by_two(campaign, files, suite):
    """The records of an evaluation by one process, and of the same one again by two."""
    alone = evaluate(campaign, files, suite)
    path = files.evaluation(suite, suite_digest(campaign, suite))
    path.unlink()
    kept(path).unlink()
    return alone, evaluate(campaign, files, suite, resources=TWO)


def test_two_processes_give_the_same_held_out_losses(make_campaign, trained):
    campaign = make_campaign({"loss": {"kind": "domain-loss", "batch_size": 3}}, "loss/a")
    rng = np.random.default_rng(0)
    for name, n in (("a", 10), ("b", 2)):  # five batches
        rows = {"input_ids": rng.integers(1, 257, (n, 16)).tolist(), "bytes": rng.integers(20, 40, n).tolist()}
        folder = Layout(Path(campaign.results)).source(name, source_digest(campaign, name))
        datasets.Dataset.from_dict(rows).save_to_disk(str(folder / "validation"))
    alone, together = by_one_and_by_two(campaign, trained(campaign), "loss")
    assert together.metrics == alone.metrics and together.metrics["a"].n == 10
    assert (alone.provenance["processes"], together.provenance["processes"]) == (1, 2)
    assert alone.provenance["batch_size"] == together.provenance["batch_size"] == 3


def test_two_processes_give_the_same_scores_of_tasks(make_campaign, trained, tmp_path):
    folder = tmp_path / "tasks"
    folder.mkdir()
    for name in ("choices", "words"):
        rows = folder / f"{name}.jsonl"
        rows.write_text("".join(f'{{"q": "{name} {i * i}", "a": "{i % 2}"}}\n' for i in range(9)))
        kind = (
            "output_type: multiple_choice\ndoc_to_target: '{{a|int}}'\ndoc_to_choice: ['0', '1']\n"
            "metric_list: [{metric: brier_score, higher_is_better: false}]\n"
            if name == "choices"
            else "output_type: loglikelihood_rolling\ndoc_to_target: '{{q}}'\nmetric_list: [{metric: bits_per_byte}]\n"
        )
        (folder / f"{name}.yaml").write_text(
            f"task: {name}\ndataset_path: json\ndataset_kwargs: {{data_files: {{test: {rows}}}}}\ntest_split: test\n"
            f"fewshot_split: test\ndoc_to_text: '{{{{q}}}}'\n{kind}"
        )
    suite = {
        "kind": "lm-eval",
        "tasks": {"choices": {"metric": "brier_score", "few_shot": 2}, "words": "bits_per_byte"},
        "include_path": str(folder),
        "batch_size": 2,
    }
    campaign = make_campaign({"tasks": suite}, "tasks/choices")
    alone, together = by_one_and_by_two(campaign, trained(campaign), "tasks")
    for task, score in alone.metrics.items():
        assert together.metrics[task].value == pytest.approx(score.value, rel=1e-5), task
        assert together.metrics[task].n == score.n == 9
    assert alone.metrics["choices"].value > 0.05 and alone.metrics["words"].value > 1


def test_fewer_items_than_processes_are_scored_by_the_first(make_campaign, trained):
    suite = {"kind": "lm-eval", "tasks": {"safety": "acc"}, "include_path": str(TASKS), "limit": 1}
    campaign = make_campaign({"skills": suite}, "skills/safety")
    alone, together = by_one_and_by_two(campaign, trained(campaign), "skills")
    assert together.metrics == alone.metrics


def test_what_one_of_several_refuses_is_said_in_a_sentence(make_campaign, trained, tmp_path, capfd):
    campaign = make_campaign({"loss": {"kind": "domain-loss"}}, "loss/a")
    path = tmp_path / "tiny.yaml"
    path.write_text(campaign.model_dump_json(exclude_defaults=True))
    told = ["--suite", "loss", "--campaign", str(path), "--resources", TWO.model_dump_json(exclude_defaults=True)]
    assert main(["evaluate", str(trained(campaign).folder), *told]) == 1
    said = capfd.readouterr().err
    assert "not prepared" in said and "Traceback" not in said


def test_where_one_of_several_breaks_it_says_why(make_campaign, trained, capfd):
    suite = {"kind": "lm-eval", "tasks": {"safety": "acc"}, "include_path": str(TASKS), "limit": 2}
    campaign = make_campaign({"skills": suite}, "skills/safety")
    files = trained(campaign)
    (files.model() / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(TrialError, match=r"evaluation of suite skills: process \d broke \(SafetensorError: "):
        evaluate(campaign, files, "skills", resources=TWO)
    assert "safetensors" in capfd.readouterr().err
    assert not files.evaluation("skills", suite_digest(campaign, "skills")).exists()


def test_prompts_that_would_be_cut_are_counted_over_all_processes(make_campaign, trained, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text(
        "".join(f'{{"q": "{number:{length}}", "a": 0}}\n' for number, length in enumerate((9, 600, 600, 9, 600)))
    )
    (tmp_path / "odd.yaml").write_text(
        f"task: odd\ndataset_path: json\ndataset_kwargs: {{data_files: {{test: {rows}}}}}\ntest_split: test\n"
        "output_type: multiple_choice\ndoc_to_text: '{{q}}'\ndoc_to_target: a\ndoc_to_choice: [x, y]\n"
        "metric_list: [{metric: acc, higher_is_better: true}]\n"
    )
    suite = {"kind": "lm-eval", "tasks": {"odd": "acc"}, "include_path": str(tmp_path)}
    campaign = make_campaign({"k": suite}, "k/odd")
    files = trained(campaign)
    with pytest.raises(ConfigError, match="prompts of 3 of the 5 items of odd"):
        evaluate(campaign, files, "k", resources=TWO)
    consenting = make_campaign({"k": {**suite, "cut_prompts": True}}, "k/odd")
    assert evaluate(consenting, files, "k", resources=TWO).warnings["items whose prompt was cut: odd"] == 3


def test_processes_without_a_gpu_each_are_refused():
    with pytest.raises(ConfigError, match="evaluation_processes: 8 processes need a GPU each, and gpus says 4"):
        parse_argument(Resources, '{"gpus": 4, "evaluation_processes": 8}', "--resources")
