"""What a run wants next, and what waits for what, are pure functions of its files and today's configuration."""

import json
import os
from pathlib import Path

import pytest
from test_lane_state import TINY, learnt_of, with_budget

from admire.campaign.layout import BASE, BENCHMARK, kept
from admire.campaign.loading import load
from admire.campaign.recipes import source_digests, suite_digest, tokenizer_digest
from admire.loop import inputs
from admire.loop.digest_owners import digest_owners
from admire.loop.runs import Lender, Runs, known_runs
from admire.loop.targets import HORIZON, STRETCH, Targets

ROOT = Path(__file__).parents[2]


@pytest.fixture
def campaign(tmp_path):
    return load(TINY).model_copy(update={"results": str(tmp_path / "results")})


@pytest.fixture
def targets(campaign):
    return Targets(known_runs(campaign))


def lending(campaign):
    """The same run where another campaign, with a size B and the same S at another price, lends base models."""
    sizes = (campaign.models[0].model_copy(update={"cost": 7.0}), campaign.models[0].model_copy(update={"name": "B"}))
    other = campaign.model_copy(update={"name": "lender", "models": sizes})
    return Runs(campaign, {campaign.name: campaign}, {"lender": Lender(other, "lender.yaml")})


def files_of(targets, name="tiny"):
    return targets.layout.campaign(name)


def decide(targets, path, *trials):
    """A proposal of these (model, digest); the paths of its trials."""
    path.parent.mkdir(parents=True, exist_ok=True)
    value = [{"spec": {"digest": digest, "labels": {"model": model}}, "cost": 0.1} for model, digest in trials]
    path.write_text(json.dumps({"trials": value}))
    return [targets.layout.trial(model, digest) for model, digest in trials]


def learn(targets, step, lane=0, *, name="tiny", after=10.0, proposed=1):
    """The update of a decision, `after` seconds younger than that."""
    files = files_of(targets, name)
    update, made = files.update(step, lane), files.proposal(step, lane).stat().st_mtime
    found = {"proposed": proposed, "gain_per_cost": 1.0, "seen": 1}
    update.write_text(json.dumps(learnt_of(targets.runs.running[name], step, lane, **found)))
    os.utime(update, (made + after, made + after))
    return update


def play(targets, steps, lane=0, *, first=0, name="tiny", ends=False):
    """Decisions without trials, learnt from; the last may end the lane."""
    for step in range(first, steps):
        decide(targets, files_of(targets, name).proposal(step, lane))
        learn(targets, step, lane, name=name, proposed=0 if ends and step == steps - 1 else 1)


def test_a_fresh_campaign_wants_its_sources_and_the_updates_of_its_horizon(targets, campaign):
    files = files_of(targets)
    updates = [files.update(step, 0) for step in range(HORIZON)]
    assert targets.report() == [*targets.cards(campaign), *updates]
    assert targets.cards(campaign) == [targets.layout.card(*pair) for pair in source_digests(campaign).items()]


def test_an_ended_campaign_wants_its_report_too(targets):
    play(targets, 2, ends=True)
    files = files_of(targets)
    assert targets.report()[-2:] == [files.report, files.recommendation]


def test_of_updates_that_stay_only_some_stand_for_all(targets, campaign):
    play(targets, 2 * STRETCH + 3)
    begun = [int(path.parent.parent.name.removeprefix("step_")) for path in targets.updates(campaign)]
    ahead = [2 * STRETCH + 3 + more for more in range(HORIZON)]
    assert begun == [0, STRETCH, 2 * STRETCH, *ahead]


@pytest.mark.parametrize("what", ["proposal", "evaluation", "no evaluation"])
def test_an_update_that_is_older_than_what_it_waits_for_is_wanted(targets, campaign, what):
    play(targets, 5)
    files = files_of(targets)
    (trial,) = decide(targets, files.proposal(3, 0), ("S", "abc"))
    (score,) = targets.evaluations(files.proposal(3, 0), campaign.deciding_suites)
    score.parent.mkdir(parents=True)
    score.write_text("{}")
    update = learn(targets, 3, after=100.0)
    assert score == trial.evaluation("loss", suite_digest(campaign, "loss"))
    assert update not in Targets(targets.runs).updates(campaign)
    if what == "no evaluation":
        score.unlink()
    else:
        later = update.stat().st_mtime + 1
        os.utime(score if what == "evaluation" else files.proposal(3, 0), (later, later))
    assert update in targets.updates(campaign)


def test_what_was_found_to_be_learnt_stays_so_for_the_run(targets, campaign):
    play(targets, 3)
    assert targets.learnt(campaign, 1, 0)
    os.utime(files_of(targets).update(1, 0), (0, 0))
    assert targets.learnt(campaign, 1, 0) and not Targets(targets.runs).learnt(campaign, 1, 0)


def test_the_next_decisions_are_those_of_open_lanes(campaign):
    targets = Targets(known_runs(with_budget(campaign, lanes=3)))
    files = files_of(targets)
    assert targets.next_proposals() == [files.proposal(0, 0)]
    play(targets, 1)
    assert targets.next_proposals() == [files.proposal(1, lane) for lane in range(3)]
    play(targets, 2, lane=1, first=1, ends=True)
    play(targets, 3, lane=2, first=1)
    assert targets.next_proposals() == [files.proposal(1, 0), files.proposal(3, 2)]


def test_the_next_updates_are_those_of_what_is_decided(campaign):
    targets = Targets(known_runs(with_budget(campaign, lanes=2)))
    files = files_of(targets)
    assert targets.next_updates() == []
    play(targets, 1)
    decide(targets, files.proposal(1, 1))
    assert targets.next_updates() == [files.update(1, 1)]


def test_the_comparison_waits_for_the_rivals_too(campaign):
    rivals = campaign.benchmark.model_copy(update={"methods": ("random",)})
    targets = Targets(known_runs(campaign.model_copy(update={"benchmark": rivals})))
    summary = targets.layout.benchmark("tiny") / "summary.csv"
    assert list(targets.runs.running) == ["tiny", "tiny-random"]
    play(targets, 1, ends=True)
    assert summary not in targets.benchmark()
    assert files_of(targets, "tiny-random").update(HORIZON - 1, 0) in targets.benchmark()
    play(targets, 1, name="tiny-random", ends=True)
    assert targets.benchmark()[-1] == summary
    updates = [files_of(targets, name).update(0, 0) for name in targets.runs.running]
    assert inputs.before_mixtures(targets) == updates


def test_base_models_are_waited_for_at_the_start_alone(campaign):
    targets = Targets(lending(campaign))
    files = files_of(targets)
    base = files.special(BASE)
    assert targets.base_records("tiny") == [base]
    (trial,) = decide(targets, base, ("B", "abc"))
    first = inputs.before_proposal(targets, "tiny", "0000", "0")
    assert first.once == [*targets.cards(campaign), base, trial.train()] and not first.always
    assert trial.train() in targets.report()
    later = inputs.before_proposal(targets, "tiny", "0003", "1")
    assert later.once == [*targets.cards(campaign), files.update(2, 1)]
    assert inputs.before_base(targets) == targets.cards(targets.runs.lenders["lender"].campaign)


def test_nobody_waits_for_base_models_that_nobody_lends(targets):
    assert targets.base_records("tiny") == []


def test_learning_waits_for_the_scores_once_it_is_known_which(targets, campaign):
    proposal = files_of(targets).proposal(1, 0)
    before = inputs.before_update(targets, "tiny", "0001", "0")
    assert before.always == [proposal] and before.once == targets.cards(campaign) and not before.settled
    (trial,) = decide(targets, proposal, ("L", "abc"))
    score = trial.evaluation("loss", suite_digest(campaign, "loss"))
    assert inputs.before_update(targets, "tiny", "0001", "0").always == [proposal, score]
    learn(targets, 1)
    assert inputs.before_update(targets, "tiny", "0001", "0").settled


def test_the_kept_copy_of_a_proposal_says_what_is_waited_for(targets, campaign):
    proposal = files_of(targets).proposal(1, 0)
    decide(targets, kept(proposal), ("L", "abc"))
    assert len(targets.evaluations(proposal, campaign.deciding_suites)) == 1


def test_the_report_waits_for_every_suite_of_every_trial(targets, campaign):
    play(targets, 2, ends=True)
    files = files_of(targets)
    (begun,) = decide(targets, files.proposal(1, 0), ("S", "abc"))
    (last,) = decide(targets, files.special("final_0001"), ("L", "def"))
    waits = inputs.before_report(targets, "tiny")
    digest = suite_digest(campaign, "loss")
    assert {files.special("final_0001"), begun.evaluation("loss", digest), last.evaluation("loss", digest)} <= set(
        waits
    )


def test_the_comparison_is_scored_on_the_test_split(targets, campaign):
    proposal = files_of(targets).special(BENCHMARK)
    (trial,) = decide(targets, proposal, ("L", "abc"))
    score = trial.evaluation("loss", suite_digest(campaign, "loss", "test"))
    assert inputs.before_comparison(targets, "tiny") == [proposal, score]


def test_a_source_waits_for_the_tokenizer_until_it_is_prepared(targets, campaign):
    owners = digest_owners(targets.runs)
    ((source, digest), *_) = owners.sources
    waits = inputs.before_source(targets, source, digest, owners.tokenizers)
    assert waits.once == [targets.layout.tokenizer(tokenizer_digest(campaign))] and not waits.settled
    waits.product.parent.mkdir(parents=True)
    waits.product.write_text("{}")
    assert inputs.before_source(targets, source, digest, owners.tokenizers).settled


def test_digests_lead_to_the_campaign_that_makes_what_they_name(campaign):
    runs = lending(campaign)
    other = runs.lenders["lender"].campaign.model_copy(update={"sources": dict(list(campaign.sources.items())[:2])})
    runs = Runs(campaign, runs.running, {"lender": Lender(other, "lender.yaml")})
    owners = digest_owners(runs)
    assert owners.sources == {
        **dict.fromkeys(source_digests(other).items(), "lender"),
        **dict.fromkeys(source_digests(campaign).items(), "tiny"),
    }
    assert owners.tokenizers == {tokenizer_digest(other): "lender", tokenizer_digest(campaign): "tiny"}
    assert owners.splits == {("loss", suite_digest(campaign, "loss", split)): split for split in ("validation", "test")}


def test_a_trial_is_a_base_models_where_that_was_decided(campaign):
    runs = lending(campaign)
    decide(Targets(runs), runs.layout.campaign("tiny").special(BASE), ("S", "abc"), ("B", "aaa"))
    other = runs.lenders["lender"].campaign
    assert runs.is_base("abc") and not runs.is_base("def")
    assert (runs.model("S", "abc").cost, runs.model("S", "def").cost) == (7.0, 0.1)
    assert (runs.trained_for("S", "abc"), runs.trained_for("S", "def")) == (other, campaign)
    with pytest.raises(KeyError):
        runs.model("unknown", "def")


def test_a_campaign_that_lends_is_read_with_the_borrowers_results(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)  # the shipped file names the other from here
    borrower = load(Path("config/laptop-sft.yaml")).model_copy(update={"results": str(tmp_path)})
    runs = known_runs(borrower)
    assert runs.lenders == {"laptop": Lender(runs.lenders["laptop"].campaign, "config/laptop.yaml")}
    assert runs.lenders["laptop"].campaign.results == str(tmp_path)
    assert [name for name, _ in runs.owners] == ["laptop", borrower.name]
    assert set(digest_owners(runs).tokenizers.values()) == {"laptop"}
