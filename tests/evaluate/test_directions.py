"""An objective goes the way that its metrics go, or says that the other is meant."""

import pytest
import yaml

from admire.cli.main import main

ROLLING = "output_type: loglikelihood_rolling\n"
CHOICE = "output_type: multiple_choice\n"


@pytest.fixture
def tell(tmp_path, monkeypatch, capsys):
    """What `plan` and `preflight` say of a campaign with an objective on these tasks and on losses; the same of both."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "t"
    folder.mkdir()
    tasks = {
        "perplexed": ROLLING,  # by lm-eval's own metrics, none of them listed
        "brier": f"{CHOICE}metric_list: [{{metric: brier_score}}]\n",  # by lm-eval's word about the metric
        # against that word, of what it computes itself
        "errors": f"{CHOICE}process_results: !function own.score\nmetric_list: [{{metric: acc, higher_is_better: false}}]\n",
        "empty": f"{CHOICE}metric_list: [{{metric: acc, higher_is_better: ~}}]\n",
        "empty_loss": f"{CHOICE}metric_list: [{{metric: brier_score, higher_is_better: }}]\n",
        "liar": f"{CHOICE}metric_list: [{{metric: acc, aggregation: mean, higher_is_better: false}}]\n",
        "lying_loss": f"{CHOICE}metric_list: [{{metric: brier_score, higher_is_better: true}}]\n",
        "right": f"{CHOICE}metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]\n",
        "own": "process_results: !function own.score\nmetric_list: [{metric: odd, aggregation: mean}]\n",
    }
    for name, text in tasks.items():
        (folder / f"{name}.yaml").write_text(
            f"task: {name}\ndataset_path: json\ntest_split: test\ndoc_to_text: q\n{text}"
        )
    for group, members in {"worse": "[errors]", "torn": "[errors, right]", "liars": "[right, liar]"}.items():
        (folder / f"{group}.yaml").write_text(
            f"group: {group}\ntask: {members}\naggregate_metric_list: [{{metric: acc, weight_by_size: true}}]\n"
        )

    def tell(objective, directions=None, **asked):
        raw = {
            "name": "tiny",
            "sources": {"a": {"corpus": "arithmetic"}, "b": {"corpus": "stories"}},
            "tokenizer": {"vocabulary": 300},
            "mixture": {"rows": 8},
            "models": [{"name": "S", "cost": 1, "target": True, "architecture": {"model_type": "llama"}}],
            "training": {"sequence_length": 16, "batch_size": 4, "learning_rate": 0.001},
            "evaluation": {
                "k": {"kind": "lm-eval", "include_path": "t", "trusts_code": True, "tasks": asked},
                "loss": {"kind": "domain-loss"},
            },
            "objective": objective,
            "directions": directions or {},
            "optimizer": {"initial": 1},
            "budget": {"total": 10},
        }
        if not asked:
            raw["evaluation"].pop("k")
        (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(raw))
        codes = [main([verb, "tiny.yaml"]) for verb in ("preflight", "plan")]
        assert codes[0] == codes[1]
        said = capsys.readouterr()
        return (said.err if codes[0] else said.out), codes[0]

    return tell


@pytest.mark.parametrize(
    ("objective", "asked"),
    [
        ({"loss/a": 1}, {}),
        ({"loss/a": -1, "loss/b": 0.5}, {}),
        ({"k/perplexed": 1}, {"perplexed": "byte_perplexity"}),
        ({"k/brier": 2}, {"brier": "brier_score"}),
        ({"k/errors": 1}, {"errors": "acc"}),
        ({"k/worse": 1}, {"worse": "acc"}),
        ({"k/right": -1}, {"right": "acc,none"}),
        ({"k/empty": -1}, {"empty": "acc"}),
        ({"k/empty_loss": 1}, {"empty_loss": "brier_score"}),
    ],
)
def test_the_wrong_sign_is_refused_and_consent_lets_it_pass(tell, objective, asked):
    metric, weight = list(objective.items())[-1]
    said, code = tell(objective, **asked)
    assert code == 1 and said.splitlines()[0] == said.splitlines()[1].replace("admire plan", "admire preflight")
    verb = "maximise" if weight > 0 else "minimise"
    for word in (f"objective.{metric}: weight {weight:g}", f"write {-weight:g}", f"directions: {{{metric}: {verb}}}"):
        assert word in said
    assert tell(objective, {metric: verb}, **asked)[1] == 0
    assert tell({**objective, metric: -weight}, **asked)[1] == 0


@pytest.mark.parametrize(
    ("task", "metric", "file", "theirs"),
    [
        ("liar", "acc", "liar", "true"),
        ("lying_loss", "brier_score", "lying_loss", "false"),
        ("liars", "acc", "liar", "true"),
    ],
)
@pytest.mark.parametrize("weight", [1, -1])
def test_a_file_that_contradicts_lm_eval_about_its_metric_is_refused_by_name(tell, task, metric, file, theirs, weight):
    said, code = tell({f"k/{task}": weight}, **{task: metric})
    verb = "maximise" if weight > 0 else "minimise"
    for word in (f"objective.k/{task}: t/{file}.yaml says", f"computes it, {theirs};", f"{{k/{task}: {verb}}}"):
        assert word in said
    assert code == 1 and tell({f"k/{task}": weight}, {f"k/{task}": verb}, **{task: metric})[1] == 0
    # what an objective does not look at contradicts nobody
    assert tell({"loss/a": -1}, **{task: metric})[1] == 0


@pytest.mark.parametrize(("task", "metric"), [("own", "odd"), ("torn", "acc")])
def test_where_nobody_knows_the_plan_says_so(tell, task, metric):
    said, code = tell({f"k/{task}": 1}, **{task: metric})
    assert code == 0 and f"objective.k/{task}: maximised; its task does not say which way is better" in said


@pytest.mark.parametrize(
    ("directions", "words"),
    [
        ({"loss/a": "maximise"}, "contradicts objective.loss/a"),
        ({"loss/b": "minimise"}, "the objective gives it no weight; it has loss/a"),
        ({"loss/c": "minimise"}, "directions.loss/c"),
        ({"loss/a": "up"}, "directions.loss/a"),
    ],
)
def test_directions_that_say_nothing_true_are_refused(tell, directions, words):
    said, code = tell({"loss/a": -1}, directions)
    assert code == 1 and words in said
