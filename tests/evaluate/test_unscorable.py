"""Whatever goes wrong with a suite ends as a state: a record `failed` with its reason, and a trial that can be opened again."""

import errno
import json
import math
import os
import shutil
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admire.campaign.recipes import suite_digest
from admire.cli.main import main
from admire.errors import StorageError, TrialError
from admire.evaluate import suites
from admire.evaluate.interruption import StoppedError
from admire.evaluate.run import evaluate
from admire.evaluate.suites import Outcome
from admire.trials.atomic_files import write_json
from admire.trials.ledger import Ledger
from admire.trials.records import Evaluation, EvaluationRecord, Score, publish, read_evaluation

LOSS = {"loss": {"kind": "domain-loss"}}
NAN, INF = float("nan"), float("inf")


@pytest.fixture
def trial(make_campaign, make_trial):
    """A campaign and its only trial, trained and proposed."""
    campaign = make_campaign(LOSS, "loss/a")
    files = make_trial(campaign, status="ok")
    files.model().mkdir(parents=True)
    proposal = files.results.campaign(campaign.name).proposal(0, 0)
    spec = json.loads(files.spec.read_text())
    write_json(proposal, {"trials": [{"spec": spec, "cost": 1.0}]})
    return campaign, files


@pytest.fixture
def scores(monkeypatch):
    """Has the suite give these scores, or break in this way."""

    def give(found):
        def score(*_told):
            if isinstance(found, BaseException):
                raise found
            return found() if callable(found) else Outcome(found, (), 1, 0.5)

        monkeypatch.setattr(suites, "score", score)

    return give


def state(campaign):
    return Ledger.read(campaign).trials[0]


def test_a_metric_that_is_no_number_is_missing_and_the_others_count(trial, scores):
    campaign, files = trial
    scores({"a": Score(value=1.5, stderr=NAN), "b": Score(value=NAN, stderr=0.1)})
    record = evaluate(campaign, files, "loss", attempts=3)
    assert record.status == "ok" and record.metrics == {"a": Score(value=1.5)}
    assert list(record.missing) == ["b"] and "nan" in record.missing["b"]
    found = state(campaign)
    assert found.state == "done" and list(found.missing) == ["loss/b"]  # the objective does not need it


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_a_trial_without_the_objectives_metric_has_failed_with_the_reason(trial, scores, value):
    campaign, files = trial
    scores({"a": Score(value=value), "b": Score(value=2.0)})
    evaluate(campaign, files, "loss", attempts=3)
    found = state(campaign)
    assert found.state == "failed" and found.reason.startswith("loss/a not scored: ") and str(value) in found.reason


def test_what_would_fail_again_is_recorded_at_once(trial, make_campaign):
    campaign, files = trial
    record = evaluate(campaign, files, "loss", attempts=3)  # its sources are not prepared
    assert record.status == "failed" and "sources" in record.reason
    shutil.rmtree(files.model())
    pruned = evaluate(
        make_campaign({"loss": {"kind": "domain-loss", "batch_size": 4}}, "loss/a"), files, "loss", attempts=3
    )
    assert pruned.status == "failed" and "weights were removed" in pruned.reason


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError("no more"), "MemoryError: no more"),
        (RuntimeError("CUDA error: an illegal memory access"), "illegal memory access"),
        (TrialError("process 1 was killed by SIGKILL; what it said stands above"), "killed by SIGKILL"),
        (AssertionError(), "AssertionError"),
    ],
)
def test_what_may_pass_is_attempted_three_times(trial, scores, error, words):
    campaign, files = trial
    scores(error)
    for _ in range(2):
        with pytest.raises(TrialError, match="evaluation of suite loss"):
            evaluate(campaign, files, "loss", attempts=3)
        assert state(campaign).state == "trained"
    record = evaluate(campaign, files, "loss", attempts=3)
    assert record.status == "failed" and "3 attempts" in record.reason
    assert words in record.reason or "out of memory" in record.reason
    assert state(campaign).state == "failed"


def test_an_attempt_that_was_killed_counts_and_the_next_scores(trial, scores):
    campaign, files = trial

    def killed():
        os.kill(os.getpid(), signal.SIGKILL)

    scores(killed)
    for _ in range(3):
        child = os.fork()
        if child == 0:
            try:
                evaluate(campaign, files, "loss", attempts=3)
            finally:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    scores({"a": Score(value=1.0)})
    assert "killed without a word" in evaluate(campaign, files, "loss", attempts=3).reason
    assert main(["retry", files.folder.name, "--results", str(files.results.root)]) == 0
    assert evaluate(campaign, files, "loss", attempts=3).status == "ok" and state(campaign).state == "done"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_errors_of_storage_are_no_attempts(trial, scores, number):
    campaign, files = trial
    scores(OSError(number, os.strerror(number)))
    for _ in range(5):
        with pytest.raises(StorageError, match="the same command goes on"):
            evaluate(campaign, files, "loss", attempts=3)
    scores({"a": Score(value=1.0)})
    assert evaluate(campaign, files, "loss", attempts=3).status == "ok"


def test_being_told_to_stop_is_no_attempt(trial, scores):
    campaign, files = trial
    scores(lambda: os.kill(os.getpid(), signal.SIGTERM))
    for _ in range(5):
        with pytest.raises(StoppedError, match="SIGTERM"):
            evaluate(campaign, files, "loss", attempts=3)
    scores({"a": Score(value=1.0)})
    assert evaluate(campaign, files, "loss", attempts=3).status == "ok"


def test_typed_by_hand_an_error_is_raised_and_nothing_is_recorded(trial, scores):
    campaign, files = trial
    scores(ValueError("odd"))
    for _ in range(4):
        with pytest.raises(TrialError, match="ValueError: odd"):
            evaluate(campaign, files, "loss")
    assert read_evaluation(files.evaluation("loss", suite_digest(campaign, "loss"))) is None


def test_status_names_what_is_missing_and_what_was_warned_of(trial, scores, tmp_path, capsys):
    campaign, files = trial
    warned = {"items whose prompt was cut: odd": 6, "lm_eval: odd": 2}
    scores(lambda: Outcome({"a": Score(value=1.0), "b": Score(value=INF)}, (), 1, 0.5, warned))
    evaluate(campaign, files, "loss", attempts=3)
    (tmp_path / "c.yaml").write_text(campaign.model_dump_json(exclude_defaults=True))
    assert main(["status", str(tmp_path / "c.yaml")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "warned: evaluation.loss, 1 trial, 6 times: items whose prompt was cut: odd" in said
    assert "warned: evaluation.loss, 1 trial, 2 times: lm_eval: odd" in said
    (line,) = [line for line in said if line.startswith("not scored: loss/b in 1 of 1 trials")]
    assert f"admire retry {files.folder.name}" in line


def test_retry_opens_what_was_not_scored_and_leaves_the_training(trial, scores, capsys):
    campaign, files = trial
    scores({"a": Score(value=NAN), "b": Score(value=1.0)})
    evaluate(campaign, files, "loss", attempts=3)
    before = files.train().read_bytes()
    assert main(["retry", files.folder.name, "--results", str(files.results.root)]) == 0
    assert state(campaign).state == "trained" and files.train().read_bytes() == before
    scores({"a": Score(value=1.0), "b": Score(value=1.0)})
    assert evaluate(campaign, files, "loss", attempts=3).missing == {} and state(campaign).state == "done"
    assert main(["retry", files.folder.name, "--results", str(files.results.root)]) == 1
    assert "never trained again" in capsys.readouterr().err


numbers = st.none() | st.floats(allow_nan=True, allow_infinity=True)
found = st.dictionaries(
    st.text(max_size=8), st.tuples(st.floats(allow_nan=True, allow_infinity=True), numbers), max_size=6
)


@given(found)
def test_any_scores_become_a_record_of_numbers_and_counted_gaps(tmp_path_factory, found):
    scores = {name: Score(value=value, stderr=stderr) for name, (value, stderr) in found.items()}
    path = tmp_path_factory.mktemp("record") / "loss-00000000.json"
    publish(path, Evaluation("loss", "test", "00000000").scored(scores, 1.0, 1.0, {}, {}))
    raw = json.loads(path.read_text(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    record = EvaluationRecord.model_validate(raw)
    assert set(record.metrics) | set(record.missing) == set(found) and not set(record.metrics) & set(record.missing)
    for name, (value, stderr) in found.items():
        assert (name in record.metrics) == math.isfinite(value)
        if name in record.metrics:
            kept = record.metrics[name]
            assert kept.value == value and kept.stderr == (
                stderr if stderr is not None and math.isfinite(stderr) else None
            )
    assert (record.status == "failed") == (not record.metrics) == (record.reason is not None)
