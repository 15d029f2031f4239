"""The closed loop by its public doors: what a finished campaign holds, and what repeats no training."""

import csv
import json
import shutil

import pytest
import yaml
from campaign_folder import TINY

pytestmark = pytest.mark.loop


def table(bench, name="tiny"):
    return list(csv.DictReader((bench.results / f"campaigns/{name}/results.csv").open()))


def test_finished_campaign_has_table_recommendation_and_report(finished):
    campaign = finished.results / "campaigns/tiny"
    rows = table(finished)
    assert {row["state"] for row in rows} == {"done"}
    assert {row["model"] for row in rows if row["decision"] == "step_0000/lane_0"} == {"S"}
    assert rows[-1]["decision"].startswith("final_") and rows[-1]["model"] == "L"
    for row in rows:
        weights = [float(row[f"weight:{name}"]) for name in ("arithmetic", "strings", "stories")]
        counts = [int(row[f"rows:{name}"]) for name in ("arithmetic", "strings", "stories")]
        assert sum(counts) == 64 and weights == pytest.approx([count / 64 for count in counts])
        assert row["commit"] and row["torch"] and float(row["stderr:loss/stories"]) > 0
    recommendation = yaml.safe_load((campaign / "recommendation.yaml").read_text())
    assert sum(recommendation["weights"].values()) == pytest.approx(1)
    assert "<svg" in (campaign / "report.html").read_text() or "data:image" in (campaign / "report.html").read_text()
    assert set(finished.trainings().values()) == {1}


def test_trials_were_validated_while_they_were_trained(finished):
    for path in finished.results.glob("trials/*/*/share_1"):
        steps = [int(row["step"]) for row in csv.DictReader((path / "validation.csv").open())]
        assert steps == [4, 8] and json.loads((path / "train.json").read_text())["validation_seconds"] > 0
    assert "while trials were trained" in (finished.results / "campaigns/tiny/report.html").read_text()


def test_budget_is_never_passed(finished):
    rows = table(finished)
    assert sum(float(row["cost"]) for row in rows) <= 0.75 + 1e-9
    for path in finished.results.glob("campaigns/tiny/step_*/lane_*/update.json"):
        learnt = json.loads(path.read_text())
        assert learnt["committed"] + learnt["reserved"] <= learnt["budget"] + 1e-9


def test_progress_is_printed(finished):
    assert "spent" in finished.output and "recommendation" in finished.output


def test_second_run_has_nothing_to_do(finished, tmp_path):
    assert "Nothing to be done" in finished.copy(tmp_path / "copy").snakemake()


def test_touched_files_and_lost_logs_retrain_nothing(finished, tmp_path):
    bench = finished.copy(tmp_path / "copy")
    for path in bench.results.glob("sources/*/*/card.json"):
        path.touch()
    for path in bench.results.glob("trials/*/*/logs/*"):
        path.unlink()
    out = bench.snakemake("-n", "-q")
    assert "train " not in out


def test_deleted_record_is_restored_not_retrained(finished, tmp_path):
    bench = finished.copy(tmp_path / "copy")
    record = next(bench.results.glob("trials/S/*/share_1/train.json"))
    before = record.read_text()
    record.unlink()
    bench.snakemake("--forcerun", "train")
    assert record.read_text() == before
    assert set(bench.trainings().values()) == {1}


def test_a_lost_update_is_made_again(finished, tmp_path):
    """Of a long history only a part is asked for by name; what stands behind it is not forgotten."""
    bench = finished.copy(tmp_path / "copy")
    updates = sorted(bench.results.glob("campaigns/tiny/step_*/lane_0/update.json"))
    lost = updates[len(updates) // 2]
    assert lost not in (updates[0], updates[-1])
    shutil.rmtree(lost.parent / "kept", ignore_errors=True)
    lost.unlink()
    bench.snakemake()
    assert lost.is_file() and set(bench.trainings().values()) == {1}
    assert "Nothing to be done" in bench.snakemake()


def test_raised_budget_continues_and_repeats_nothing(finished, tmp_path):
    bench = finished.copy(tmp_path / "copy")
    before = {row["digest"] for row in table(bench)}
    bench.snakemake(configs=(TINY, bench.config(budget={"total": 1.15})))
    after = table(bench)
    assert before < {row["digest"] for row in after}
    assert set(bench.trainings().values()) == {1}
    assert sum(float(row["cost"]) for row in after) <= 1.15 + 1e-9
    assert len(list(bench.results.glob("campaigns/tiny/final_*"))) == 2
    decisions = list(dict.fromkeys(row["decision"] for row in after))
    finals = [place for place, decision in enumerate(decisions) if decision.startswith("final_")]
    assert finals[0] < finals[1] == len(decisions) - 1, decisions


def test_a_budget_raised_by_too_little_is_refused(finished, tmp_path):
    """Another trial and another final training cost 0.1 and 0.2; nothing is decided beyond the budget."""
    bench = finished.copy(tmp_path / "copy")
    spent = sum(float(row["cost"]) for row in table(bench))
    too_little = bench.config(budget={"total": round(spent + 0.25, 4)})
    out = bench.snakemake(configs=(TINY, too_little), expect=1)
    assert "budget.total" in out and f"raise it to {spent + 0.3:.4g} or more" in out and "Traceback" not in out
    assert len(table(bench)) == len(table(finished))


def test_added_suite_is_evaluated_alone(finished, tmp_path):
    bench = finished.copy(tmp_path / "copy")
    suite = {"kind": "domain-loss", "sources": ["strings"], "batch_size": 4}
    models = yaml.safe_load(TINY.read_text())["models"]
    models[1]["resources"]["evaluation_processes"] = 2
    bench.snakemake(configs=(TINY, bench.config(evaluation={"more": suite}, models=models)))
    assert set(bench.trainings().values()) == {1}
    trials = len(list(bench.results.glob("trials/*/*/spec.json")))
    records = list(bench.results.glob("trials/*/*/share_1/evaluate/more-*.json"))
    assert len(records) == trials
    for path in records:
        wanted = 2 if path.parts[-5] == "L" else 1
        assert json.loads(path.read_text())["provenance"]["processes"] == wanted
    bench.snakemake()  # without it again
    assert set(bench.trainings().values()) == {1}
    assert "Nothing to be done" in bench.snakemake()


def test_changed_learning_rate_is_refused_with_both_values(finished, tmp_path):
    bench = finished.copy(tmp_path / "copy")
    out = bench.snakemake(configs=(TINY, bench.config(training={"learning_rate": 0.02})), expect=1)
    assert "training.learning_rate was 0.01, is 0.02" in out and "Traceback" not in out


def test_next_proposal_then_dry_run_lists_the_next_trials(finished, tmp_path):
    bench = finished.copy(tmp_path / "copy")
    configs = (TINY, bench.config(budget={"total": 1.15}))
    bench.snakemake("next_proposal", configs=configs)
    out = bench.snakemake("-n", "next_iteration", configs=configs)
    assert "train (0." in out and "Cost plan of campaign 'tiny'" in out


def test_status_and_recommend_read_the_files(finished):
    status = finished.admire("status", "tiny")
    assert "controller: not running" in status and "ended after step" in status
    assert "arithmetic" in finished.admire("recommend", "tiny")


def test_fresh_clone_dry_run_prints_the_cost_plan(bench):
    out = bench.snakemake("-n")
    assert "Cost plan of campaign 'tiny'" in out and "reserved" in out
    assert not bench.results.exists()


def test_benchmark_trains_fresh_replicates_and_reports_the_test_split(finished, tmp_path):
    bench = finished.copy(tmp_path / "copy")
    bench.snakemake("benchmark")
    rows = list(csv.DictReader((bench.results / "benchmarks/tiny/summary.csv").open()))
    assert {row["mixture"] for row in rows} == {"recommended", "uniform"}
    seeds = {
        json.loads(path.read_text())["decides"]["replicate"] for path in bench.results.glob("trials/L/*/spec.json")
    }
    assert seeds == {0, 1}


def test_lint_is_clean(bench):
    bench.snakemake("--lint")


def test_hopeless_trainings_end_as_rows_and_the_campaign_still_ends(finished, bench):
    for prepared in ("tokenizers", "sources"):
        shutil.copytree(finished.results / prepared, bench.results / prepared)
    over = bench.config(training={"learning_rate": 1.0e9}, budget={"total": 0.5})
    out = bench.snakemake(configs=(TINY, over), expect=1)  # its end is a failure: no trial of a size was ever trained
    rows = table(bench)
    assert {row["state"] for row in rows} == {"failed"} and all("step" in row["reason"] for row in rows)
    assert "FAILED" in out
    status = bench.admire("status", "tiny")
    assert "failed: " in status and "admire retry " in status
