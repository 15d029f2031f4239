"""The replay's entry from Python: plan, run, tables of what came out."""

import pytest

from admire.errors import ConfigError, TableError
from admire.replay.instance import ReplayConfig
from admire.replay.long_form import long_form
from admire.replay.on_table import plan_replay, replay_on_table, run_replay


@pytest.fixture
def table(written):
    return long_form(written(), "L")


def test_from_a_table_to_a_summary(table):
    result = replay_on_table(table, ReplayConfig("mean"), ["random", "prior"], seeds=2, cores=1)
    assert [(run.method, run.seed) for run in result.runs] == [
        ("random", 0),
        ("random", 1),
        ("prior", 0),
        ("prior", 1),
    ]
    assert set(result.summary()["method"]) == {"random", "prior"}
    assert set(result.purchases()["method"]) == {"random"}


def test_finished_runs_are_kept_and_only_missing_ones_are_simulated(table, tmp_path):
    plan = plan_replay(table, ReplayConfig("mean"), ["random"], keep_in=tmp_path / "runs.jsonl")
    first = run_replay(plan, seeds=1, cores=1)
    asked = []

    def counted(runs, total):
        asked.append(total)
        return runs

    both = run_replay(plan, seeds=2, cores=1, progress=counted)
    assert asked == [1]
    assert both.runs[0].trace.bought == first.runs[0].trace.bought


def test_methods_that_a_table_cannot_serve_are_skipped_with_a_reason(table):
    plan = plan_replay(table, ReplayConfig("mean"), ["random", "doremi", "random"])
    assert plan.methods == ("random",)
    assert "doremi: skipped" in plan.skipped[0]


@pytest.mark.parametrize(("methods", "error"), [(["rand"], ConfigError), (["doremi"], TableError)])
def test_impossible_replays_are_refused_before_they_run(table, methods, error):
    with pytest.raises(error):
        plan_replay(table, ReplayConfig("mean"), methods)
