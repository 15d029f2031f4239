"""Replays in the continuous space: true regret, trials in flight, sizes that mislead, and the command line."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from admire.cli.main import main
from admire.errors import TableError
from admire.optimize.problem import Proposal, Recommendation
from admire.optimize.registry import build
from admire.replay.continuous import summary
from admire.replay.continuous.kept_plays import PLAY, KeptPlays
from admire.replay.continuous.on_emulators import plan_continuous, run_continuous
from admire.replay.continuous.play import Extent, play
from admire.replay.continuous.side_by_side import Run, small_runs
from admire.replay.continuous.world import ContinuousConfig, make_world, mixture_counts
from admire.replay.deciding_code import deciding_files
from admire.replay.long_form import long_form

METHODS = ["random", "prior", "successive-halving"]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Three sources, two sizes that cost 1 and 10; metric `a` follows a law with noise, and `b` lacks some scores."""
    rng = np.random.default_rng(0)
    rows = []
    for size, cost, n in (("S", 1.0, 60), ("L", 10.0, 24)):
        for i, w in enumerate(rng.dirichlet(np.ones(3), size=n)):
            scores = np.array([np.exp(w @ [1, 0, -1]), w @ [0, 1, 2]]) + 0.05 * rng.normal(size=2)
            weights = {f"weight:s{k}": w[k] for k in range(3)}
            b = None if i % 6 == 5 else scores[1]
            rows.append({"run": i, "size": size, "cost": cost, **weights, "metric:a": scores[0], "metric:b": b})
    path = tmp_path_factory.mktemp("table") / "runs.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def table(path):
    return long_form(path, "L")


@pytest.fixture(scope="module")
def door(table, tmp_path_factory):
    """Runs from Python, in one process, kept in a file."""
    kept = tmp_path_factory.mktemp("kept") / "runs.jsonl"
    config = ContinuousConfig("mean", "joint-law")
    plan = plan_continuous(table, config, METHODS, budget=20.0, keep_in=kept, cores=1)
    return run_continuous(plan, seeds=2, cores=1)


@pytest.fixture(scope="module")
def world(door):
    return door.plan.world


def test_regret_is_true_and_never_below_zero(door):
    lines = summary.moments(door.runs, door.plan.world)
    assert len(lines) == 3 * 2 * 3  # methods, seeds, marks
    assert (lines["regret"] >= 0).all()
    assert door.passed() < 0.01
    world, moment = door.plan.world, door.runs[0].trace.moments[-1]
    assert moment.true == pytest.approx(world.value(np.array(moment.weights)))
    assert lines["regret"].iloc[2] == pytest.approx(world.best - moment.true)


def test_the_prior_lacks_what_is_called_the_baselines_regret(door):
    lines = door.summary().set_index("method")
    assert lines.loc["prior", "regret_sd_at_2"] == pytest.approx(lines.loc["random", "baseline_regret_sd"])
    assert lines.loc["prior", "regret_at_2"] == pytest.approx(lines.loc["random", "baseline_regret"])
    assert lines.loc["prior", "worse_at_2"] == 0


def test_trials_are_paid_and_counted_by_size(door):
    for run in door.runs:
        costs = {"S": 1.0, "L": 10.0}
        assert sum(costs[size] for _, _, size, _ in run.trace.bought) == (run.trace.bought[-1:] or [(0, 0.0)])[0][1]
        last = run.trace.moments[-1]
        assert last.cost == last.trials @ np.array([1.0, 10.0]) <= 20
        assert [moment.cost <= 10 * moment.mark for moment in run.trace.moments] == [True] * 3
    lines = door.curves().set_index(["method", "mark"])
    assert lines.loc[("successive-halving", 0.5), "trials_S"] == 3  # of which one is then promoted
    assert lines.loc[("random", 2.0), "trials_L"] == 2


def test_regressions_get_hundreds_of_trials_at_once(world):
    asked = []

    class AllAtOnce:
        def propose(self, problem, seen, pending, *, q, budget, rng):
            asked.append(q)
            return [Proposal(weights, 0) for weights in problem.space.sample(q, rng)]

        def recommend(self, problem, seen):
            return Recommendation(problem.prior)

    trace = play(AllAtOnce(), world, 0, Extent(80.0, (0.5, 8.0), lanes=2), at_once=7)
    assert asked == [7]
    assert [moment.trials for moment in trace.moments] == [[5, 0], [7, 0]]
    assert small_runs("mixing-law") == small_runs("regmix-lightgbm") == 512
    assert small_runs("admire") is None


def test_a_prediction_is_judged_by_the_truth(world):
    class Certain:
        def propose(self, problem, seen, pending, *, q, budget, rng):
            return []

        def recommend(self, problem, seen):
            mean, half = world.baseline + 3.0, 1.6448536269514722
            return Recommendation(problem.prior, mean=mean, low=mean - half, high=mean + half)

    trace = play(Certain(), world, 0, Extent(10.0, (1.0,)))
    (line,) = summary.moments([Run("certain", 0, trace)], world).to_dict("records")
    assert line["optimism"] == pytest.approx(3.0)
    assert line["covered"] == 0
    trace = play(build("uniform"), world, 0, Extent(10.0, (1.0,)))
    (line,) = summary.moments([Run("uniform", 0, trace)], world).to_dict("records")
    assert np.isnan(line["optimism"]) and np.isnan(line["covered"])


class Listed:
    """Proposes one trial of each size in a list, and writes down what it saw."""

    def __init__(self, sizes):
        self.sizes, self.saw = list(sizes), []

    def propose(self, problem, seen, pending, *, q, budget, rng):
        self.saw.append((list(seen.size), list(pending.size)))
        return [Proposal(problem.space.sample(1, rng)[0], self.sizes.pop(0))] if self.sizes else []

    def recommend(self, problem, seen):
        return Recommendation(problem.prior)


def test_with_two_lanes_trials_in_flight_are_pending(world):
    method = Listed([1, 0, 0, 1])
    trace = play(method, world, 0, Extent(80.0, (0.1, 0.5, 1.0, 8.0), lanes=2))
    # the two small ones begin and end while the first large one is in flight
    assert method.saw[:5] == [([], []), ([], [1]), ([0], [1]), ([0, 0], [1]), ([0, 0, 1], [1])]
    assert [moment.trials for moment in trace.moments] == [[1, 0], [2, 0], [2, 0], [2, 2]]
    assert [size for _, _, size, _ in trace.bought] == ["L", "S", "S", "L"]
    alone = Listed([1, 0])
    play(alone, world, 0, Extent(80.0, (8.0,)))
    assert alone.saw == [([], []), ([1], []), ([1, 0], [])]


def test_what_cannot_be_paid_is_not_begun(world):
    trace = play(Listed([1, 1, 1]), world, 0, Extent(15.0, (1.5,)))
    assert [size for _, _, size, _ in trace.bought] == ["L"]


def test_admire_plays_with_trials_in_flight(world):
    trace = play(build("admire"), world, 0, Extent(20.0, (1.0, 2.0), lanes=2))
    last = trace.moments[-1]
    assert last.trials[1] >= 1
    assert last.low <= last.mean <= last.high
    assert {size for _, _, size, _ in trace.bought} == {"S", "L"}


def test_misleading_sizes_are_mirrored_at_their_mean_or_say_nothing(world):
    quiet = replace(world, noise=np.zeros_like(world.noise))
    negated, independent = (replace(quiet, mislead=kind) for kind in ("negated", "independent"))
    counts = [mixture_counts(weights) for weights in world.random[:300]]

    def scores(made, size, seed=0):
        return np.array([made.score(one, size, seed, np.random.default_rng(0)) for one in counts])

    assert scores(quiet, 0) + scores(negated, 0) == pytest.approx(np.tile(2 * world.centre[0], (300, 1)))
    shuffled = scores(independent, 0)
    assert np.array_equal(shuffled, scores(independent, 0))
    assert not np.array_equal(shuffled, scores(independent, 0, seed=1))
    assert abs(np.corrcoef(shuffled[:, 0], scores(quiet, 0)[:, 0])[0, 1]) < 0.2
    assert shuffled.std(0) == pytest.approx(world.truth(world.random, 0).std(0), rel=0.2)
    for made in (negated, independent):
        assert np.array_equal(scores(made, 1), scores(quiet, 1))


def test_finished_runs_are_kept_but_not_those_of_another_emulator(door, table):
    asked = []

    def counted(runs, total):
        asked.append(total)
        return ()

    kept, config, world = door.plan.kept.path, door.plan.config, door.plan.world
    plan = plan_continuous(table, config, METHODS, budget=20.0, keep_in=kept, cores=1)
    assert run_continuous(plan, seeds=2, cores=1, progress=counted).runs == door.runs
    assert asked == [0]
    others = [replace(config, emulator="joint-trees"), replace(config, mislead="negated"), replace(config, lanes=2)]
    assert [len(list(KeptPlays(kept, table, one, world, METHODS, 20.0).read())) for one in others] == [0, 0, 0]
    noisier = replace(world, noise=1.01 * world.noise)
    assert not list(KeptPlays(kept, table, config, noisier, METHODS, 20.0).read())


def test_the_emulators_code_decides():
    names = {path.name for path in deciding_files("random", play=PLAY)}
    assert {"play.py", "world.py", "joint.py", "families.py", "soft_trees.py", "roots.py", "optimum.py"} <= names
    assert "proxy.py" not in names


def test_the_verb_writes_its_files_and_the_same_numbers_with_two_processes(door, path, tmp_path, capsys):
    out = tmp_path / "out"
    words = (
        f"replay table {path} --target-size L --space continuous --emulator joint-law --budget 20 --seeds 2 --cores 2"
    )
    assert main([*words.split(), "--methods", ",".join([*METHODS, "doremi"]), "--out", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == {
        *("summary.csv", "curves.csv", "purchases.csv", "settings.json", "runs.jsonl", "README.md"),
        *("replay.svg", "replay.png", "purchases.svg", "purchases.png"),
    }
    written = pd.read_csv(out / "summary.csv")
    expected = door.summary()
    numbers = [name for name in expected if name not in ("method", "seconds_per_run")]
    assert list(written["method"]) == METHODS
    assert np.allclose(written[numbers], expected[numbers].astype(float), rtol=1e-5, atol=1e-9, equal_nan=True)
    printed = capsys.readouterr().out
    assert "doremi: skipped" in printed
    assert f"the baseline mixture lacks {door.plan.world.baseline_regret_sd:.2f} sd" in printed
    page = (out / "README.md").read_text()
    assert f"--space continuous --emulator joint-law --target-size L --budget 20.0 --out {out}\n" in page
    assert "`successive-halving` | 2 |" in page


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--space continuous --pool all", "--pool: goes with --space pool only"),
        ("--space continuous --truth gp", "--truth: goes with --space pool only"),
        ("--space continuous --until 3", "--until: goes with --space pool only"),
        ("--space continuous --metric-weights dirichlet", "--metric-weights: goes with --space pool only"),
        ("--space continuous --calibration", "--calibration: goes with --space pool only"),
        ("--emulator joint-law", "--emulator: goes with --space continuous only"),
        ("--lanes 2", "--lanes: goes with --space continuous only"),
        ("--space continuous --lanes 0", "--lanes 0: at least one is needed"),
        ("--space continuous --objective z", "no metric or group 'z'"),
        ("--space continuous --methods design,doremi", "none of them can be played on runs"),
        ("--space continuous --methods admir", "did you mean 'admire'?"),
    ],
)
def test_senseless_options_are_refused_in_one_sentence(path, capsys, tmp_path, words, sentence):
    out = tmp_path / "out"
    assert main(["replay", "table", str(path), "--target-size", "L", "--out", str(out), *words.split()]) == 1
    said = capsys.readouterr().err
    assert sentence in said
    assert not out.exists()


def test_a_table_with_too_few_scores_is_refused(table):
    few = replace(table, Y=(table.Y[0], np.where(np.arange(24)[:, None] < 18, np.nan, table.Y[1])))
    with pytest.raises(TableError, match="size 'L' has 6 scores of metric 'a', and an emulator needs 8 or more there"):
        make_world(few, ContinuousConfig("mean", "joint-law"))
