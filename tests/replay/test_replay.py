"""Methods on a table: same problems for all, costs of everything, the same numbers whatever the cores."""

import io
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import psutil
import pytest
from ended_processes import all_end

from admire.cli.main import main
from admire.errors import TableError
from admire.optimize.registry import METHODS, build
from admire.replay import summary
from admire.replay.instance import ReplayConfig, make_instance
from admire.replay.long_form import long_form
from admire.replay.side_by_side import Run, servable, simulate_all
from admire.replay.simulate import Trace, simulate


@pytest.fixture
def table(written):
    return long_form(written(), "L")


def run(table, method, seed=0, budget=120.0, until=0.0, **config):
    instance = make_instance(table, ReplayConfig("mean", **config), seed)
    return instance, simulate(build(method), instance, seed, budget, until)


def test_a_seed_is_a_problem_and_a_method_changes_nothing_about_it(table):
    one, other = make_instance(table, ReplayConfig("mean"), 3), make_instance(table, ReplayConfig("mean"), 3)
    assert one.runs == other.runs != make_instance(table, ReplayConfig("mean"), 4).runs
    assert np.array_equal(one.truth, other.truth)


@pytest.mark.parametrize("method", ["admire", "random", "regmix-linear", "svr"])
def test_every_purchase_is_paid_and_no_row_is_bought_twice(table, method):
    _, trace = run(table, method)
    costs = {"S": 1.0, "L": 10.0}
    assert trace.bought[-1][1] == pytest.approx(sum(costs[size] for _, _, size, _ in trace.bought))
    assert trace.bought[-1][1] <= 120
    assert len({(size, name) for _, _, size, name in trace.bought}) == len(trace.bought)
    assert all(a[1] < b[1] for a, b in zip(trace.bought, trace.bought[1:], strict=False))


def test_the_best_row_is_observed_when_it_is_bought_at_the_target(table):
    instance, trace = run(table, "random")
    best = instance.runs[1][instance.best]
    assert trace.observed == next(cost for _, cost, size, name in trace.bought if (size, name) == ("L", best))


def test_a_regression_recommends_without_ever_buying_the_target(table):
    _, trace = run(table, "regmix-linear")
    assert {size for _, _, size, _ in trace.bought} == {"S"}
    assert np.isnan(trace.observed)
    assert trace.recommended <= 24
    assert trace.steps[-1][3] == pytest.approx(0)


def test_admire_finds_the_best_row_sooner_than_random(table):
    found = {method: [run(table, method, seed)[1].observed for seed in range(4)] for method in ("admire", "random")}
    assert np.mean(found["admire"]) < np.mean(found["random"])


def test_transfer_sees_one_size_only(table):
    _, trace = run(table, "transfer:admire@S")
    assert {size for _, _, size, _ in trace.bought} == {"S"}


@pytest.mark.parametrize("method", ["prior", "uniform"])
def test_fixed_mixtures_cost_nothing(table, method):
    _, trace = run(table, method)
    assert trace.bought == []
    assert len(trace.steps) == 1


def test_misled_small_sizes_run_against_the_target(table):
    plain, negated, shuffled = (
        make_instance(table, ReplayConfig("mean", mislead=m), 1) for m in (None, "negated", "independent")
    )
    here, there = (instance.problem.objective(instance.Y[0]) for instance in (plain, negated))
    assert np.corrcoef(here, there)[0, 1] < -0.99
    assert abs(np.corrcoef(here, shuffled.problem.objective(shuffled.Y[0]))[0, 1]) < 0.6
    assert np.array_equal(plain.Y[1], negated.Y[1])


@pytest.mark.parametrize("truth", ["gp", "trees"])
def test_a_drawn_table_has_a_truth_that_is_not_what_is_observed(table, truth):
    one, other = (make_instance(table, ReplayConfig("mean", truth=truth), seed) for seed in (1, 2))
    observed = one.problem.objective(one.Y[1])
    assert not np.allclose(observed, one.truth)
    assert np.corrcoef(observed, one.truth)[0, 1] > 0.5
    assert not np.allclose(np.sort(one.truth), np.sort(other.truth))


def test_random_metric_weights_keep_their_sign_and_sum(written):
    instance = make_instance(
        long_form(written(), "L", lower_is_better=True), ReplayConfig("mean", metric_weights="dirichlet"), 5
    )
    assert (instance.problem.objective.weights < 0).all()
    assert abs(instance.problem.objective.weights).sum() == pytest.approx(1)


def test_numbers_do_not_depend_on_the_cores(table):
    def played(cores):
        jobs = [(method, seed) for method in ("admire", "random") for seed in range(2)]
        runs = simulate_all(table, ReplayConfig("mean"), jobs, 120.0, 0.0, cores)
        return {(run.method, run.seed): (run.trace.bought, run.trace.steps) for run in runs}

    assert played(1) == played(2)


def test_a_table_without_common_mixtures_cannot_serve_promotion(table):
    served, refused = servable(table, list(METHODS))
    assert set(METHODS) - set(served) == {"successive-halving", "hyperband", "doremi", "design"}
    assert "no mixture of runs was trained at two sizes" in refused[0]
    assert any("doremi: skipped, it weighs sources while it trains" in sentence for sentence in refused)


def test_the_summary_counts_seeds_and_reads_regret_between_steps():
    first = Trace([(1, 2.0, "L", "a")], [(0, 0.0, "x", 3.0, 3.0), (1, 2.0, "y", 1.0, 1.0)], 2.0, 2.0, 2.0, 0.1)
    never = Trace([(1, 2.0, "L", "b")], [(0, 0.0, "x", 3.0, 3.0)], seconds=0.3)
    line = summary.summary([Run("m", 0, first), Run("m", 1, never)], (1.0, 2.0), "L").iloc[0]
    assert (line["seeds"], line["found_share"], line["cost_observed_mean"]) == (2, 0.5, 2.0)
    assert (line["regret_at_1"], line["regret_at_2"]) == (3.0, 2.0)


def test_the_best_observed_row_has_no_regret_before_every_seed_observed_one():
    small = Trace([(1, 1.0, "S", "a"), (2, 3.0, "L", "b")], [(0, 0.0, "x", 3.0, 3.0), (2, 3.0, "y", 1.0, 2.0)])
    large = Trace([(1, 2.0, "L", "b")], [(0, 0.0, "x", 3.0, 3.0), (1, 2.0, "y", 1.0, 2.0)])
    runs = [Run("m", 0, small), Run("m", 1, large)]
    line = summary.summary(runs, (2.0, 3.0), "L").iloc[0]
    assert np.isnan(line["observed_regret_at_2"])
    assert line["observed_regret_at_3"] == 2.0
    curve = summary.curves(runs, np.array([2.0, 3.0]), "L")
    assert curve["observed_regret_mean"].isna().tolist() == [True, False]


def test_a_recommendation_settles_where_it_is_right_for_the_last_time():
    def trace(*regrets):
        return Trace([], [(i, float(i), "x", regret, regret) for i, regret in enumerate(regrets)])

    runs = [Run("m", seed, trace(*regrets)) for seed, regrets in enumerate([(1, 0, 1, 0, 0), (0, 0), (1, 0, 1)])]
    line = summary.summary(runs, (), "L").iloc[0]
    assert line["settled_share"] == pytest.approx(2 / 3)
    assert line["cost_settled_mean"] == 1.5


def two_seeds(path, out):
    return f"replay table {path} --target-size L --seeds 2 --cores 1 --out {out}".split()


def test_the_verb_writes_its_files(written, tmp_path, capsys):
    out = tmp_path / "out"
    assert main([*two_seeds(written(), out), "--methods", "random,regmix-linear"]) == 0
    assert {path.name for path in out.iterdir()} == {
        *("summary.csv", "curves.csv", "purchases.csv", "settings.json", "runs.jsonl", "README.md"),
        *("replay.svg", "replay.png", "purchases.svg", "purchases.png"),
    }
    assert list(pd.read_csv(out / "summary.csv")["method"]) == ["random", "regmix-linear"]
    assert set(pd.read_csv(out / "purchases.csv")["seed"]) == {0, 1}
    printed = capsys.readouterr().out
    assert "24 at S (1), 12 at L (10)" in printed
    assert "method         seeds" in printed
    page = (out / "README.md").read_text()
    assert f"--methods random,regmix-linear --seeds 2 --target-size L --out {out}\n" in page
    assert "| `regmix-linear` | 2 | 0% | never |" in page
    assert "every row" in page


def test_methods_that_buy_nothing_have_their_page_and_no_picture(written, tmp_path):
    out = tmp_path / "out"
    assert main([*two_seeds(written(), out), "--methods", "prior,prior"]) == 0
    assert len(pd.read_csv(out / "summary.csv")) == 1
    assert not list(out.glob("*.png"))
    assert "![" not in (out / "README.md").read_text()


def test_regret_is_not_told_beyond_the_cost_that_every_run_reaches(written, tmp_path):
    out = tmp_path / "out"
    assert main([*two_seeds(written(), out), "--methods", "random", "--until", "30"]) == 0
    columns = pd.read_csv(out / "summary.csv").columns
    assert "regret_at_30" in columns
    assert "regret_at_100" not in columns


def test_options_of_a_users_table_are_refused_for_a_published_one(tmp_path, capsys):
    assert main(["replay", "regmix", str(tmp_path), "--target-size", "1B"]) == 1
    assert "--target-size: goes with format table only" in capsys.readouterr().err


def test_a_replay_that_was_ended_goes_on(written, tmp_path, capsys):
    out, path = tmp_path / "out", written()
    assert main([*two_seeds(path, out), "--methods", "random"]) == 0
    before, kept = (out / "summary.csv").read_text(), (out / "runs.jsonl").read_text()
    (out / "runs.jsonl").write_text(kept[: len(kept) - 10])  # killed while the second run was written
    capsys.readouterr()
    assert main([*two_seeds(path, out), "--methods", "random,uniform"]) == 0
    assert "1 of 4 runs were played before" in capsys.readouterr().out
    played = pd.read_csv(out / "summary.csv").set_index("method")
    assert list(played.index) == ["random", "uniform"]
    columns = ["cost_observed_mean", "regret_at_30", "regret_at_100"]
    first = pd.read_csv(io.StringIO(before)).set_index("method")
    assert (played.loc["random", columns] == first.loc["random", columns]).all()
    assert main([*two_seeds(path, out), "--methods", "random", "--budget", "60"]) == 0  # another problem
    assert "played before" not in capsys.readouterr().out


def test_workers_end_with_a_replay_that_is_killed(written, tmp_path):
    command = [sys.executable, "-m", "admire.cli.main", *two_seeds(written(), tmp_path), "--methods", "admire-mfbo"]
    process = psutil.Process(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid)
    limit = time.monotonic() + 300
    # Python's own tracker of resources is a child too
    while not (workers := [child for child in process.children() if child.cpu_times().user > 1]):
        assert process.status() != psutil.STATUS_ZOMBIE and time.monotonic() < limit
        time.sleep(0.1)
    process.kill()
    assert all_end([worker.pid for worker in workers])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--methods", "admir"], "unknown method 'admir'; did you mean 'admire'?"),
        (["--methods", "transfer:admire"], "does not say which size"),
        (["--objective", "z"], "no metric or group 'z'"),
        (["--seeds", "0"], "--seeds 0: at least one is needed"),
        (["--cores", "0"], "--cores 0: at least one is needed"),
        (["--budget", "0"], "--budget 0: a cost above zero is needed"),
        (["--budget", "inf"], "--budget inf: a cost above zero is needed"),
        (["--until", "nan"], "--until nan: a cost is needed"),
        (["--methods", "regmix"], "did you mean 'regmix-linear'?"),
        (["--methods", "design,doremi"], "none of them can be played on runs"),
        (
            ["--calibration", "--target-size", "S", "--unit", "hours", "--out", "/dev/null/x"],
            "--out /dev/null/x: no folder",
        ),
    ],
)
def test_what_cannot_be_played_is_refused(written, capsys, arguments, sentence):
    assert main(["replay", "table", str(written()), "--target-size", "L", *arguments]) == 1
    assert sentence in capsys.readouterr().err


def test_a_pool_without_scores_is_refused(written):
    def unscored(frame):
        frame.loc[frame["size"] == "L", "metric:a"] = None
        frame.loc[frame.index[-1], "metric:a"] = 1.0
        return frame

    with pytest.raises(TableError, match="a pool needs two or more"):
        make_instance(long_form(written(unscored), "L"), ReplayConfig("mean"), 0)


def test_a_cheapest_size_smaller_than_the_initial_design_is_refused(written, capsys):
    def few(frame):
        return frame[(frame["size"] == "L") | (frame.index < 5)]

    assert main(["replay", "table", str(written(few)), "--target-size", "L", "--methods", "random"]) == 1
    assert "size 'S' has 5 runs, and the initial design takes 16 or more" in capsys.readouterr().err


def test_calibration_counts_rows_that_were_not_seen(written, tmp_path, capsys):
    out = tmp_path / "out"
    assert main([*two_seeds(written(), out), "--calibration"]) == 0
    lines = pd.read_csv(out / "calibration.csv")
    assert set(lines["seed"]) == {0, 1}
    assert lines["coverage90"].between(0, 1).all()
    assert (lines["width"] > 0).all()
    assert "coverage90" in capsys.readouterr().out
