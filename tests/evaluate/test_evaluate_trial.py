"""`admire evaluate`: restored, skipped, scored, or refused in a sentence."""

import shutil
from pathlib import Path

import pytest

from admire.campaign.recipes import suite_digest
from admire.cli.main import main
from admire.errors import ConfigError, TrialError
from admire.evaluate.run import evaluate
from admire.trials.records import read_evaluation

TASKS = Path(__file__).parents[2] / "config" / "tasks"
SKILLS = {
    "skills": {"kind": "lm-eval", "tasks": {"safety": "acc", "format": "acc"}, "include_path": str(TASKS), "limit": 4}
}


@pytest.fixture
def tiny(make_campaign):
    return make_campaign(SKILLS, "skills/safety")


def test_scores_are_published_with_provenance(tiny, make_trial, tiny_model):
    files = make_trial(tiny, status="ok")
    shutil.copytree(tiny_model, files.model())
    record = evaluate(tiny, files, "skills", "test")
    path = files.evaluation("skills", suite_digest(tiny, "skills", "test"))
    assert record.status == "ok" and read_evaluation(path) == record
    assert set(record.metrics) == {"safety", "format"}  # without the suite's name
    assert record.split == "test" and record.seconds > 0
    assert record.provenance["batch_size"] == 32 and record.provenance["threads"] == 1
    assert {"torch", "transformers", "lm_eval"} <= set(record.provenance["versions"])


def test_a_finished_evaluation_is_restored_without_the_model(tiny, make_trial, tiny_model):
    files = make_trial(tiny, status="ok")
    shutil.copytree(tiny_model, files.model())
    first = evaluate(tiny, files, "skills")
    path = files.evaluation("skills", suite_digest(tiny, "skills"))
    path.unlink()  # as Snakemake does with outputs of jobs that it takes for incomplete
    shutil.rmtree(files.model())
    assert evaluate(tiny, files, "skills") == first == read_evaluation(path)


def test_a_failed_training_is_skipped_with_its_reason(tiny, make_trial):
    files = make_trial(tiny, status="failed", reason="the loss is not a number at step 3")
    record = evaluate(tiny, files, "skills")
    assert record.status == "skipped" and "not a number at step 3" in record.reason and record.metrics == {}


def test_removed_weights_are_refused_in_a_sentence(tiny, make_trial):
    with pytest.raises(TrialError, match="weights were removed"):
        evaluate(tiny, make_trial(tiny, status="ok"), "skills")


def test_an_untrained_trial_is_refused(tiny, make_trial):
    with pytest.raises(TrialError, match="not trained yet"):
        evaluate(tiny, make_trial(tiny), "skills")


def test_an_unknown_suite_is_refused_with_what_there_is(tiny, make_trial):
    with pytest.raises(ConfigError, match="no such suite; it has skills"):
        evaluate(tiny, make_trial(tiny, status="ok"), "skill")


def test_the_verb_ends_with_zero_for_a_skipped_trial_and_one_for_a_refusal(tiny, make_trial, tmp_path, capsys):
    path = tmp_path / "tiny.yaml"
    path.write_text(tiny.model_dump_json(exclude_defaults=True))
    failed = make_trial(tiny, status="failed", reason="it diverged")
    assert main(["evaluate", str(failed.folder), "--suite", "skills", "--campaign", str(path)]) == 0
    assert "skipped, the training failed: it diverged" in capsys.readouterr().out
    assert main(["evaluate", str(tmp_path / "none"), "--suite", "skills", "--campaign", str(path)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("admire evaluate: ") and "no such trial" in said and "Traceback" not in said
