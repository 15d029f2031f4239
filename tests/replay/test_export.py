"""What is exported is what the readers read."""

from pathlib import Path

import numpy as np
import pytest

from admire.campaign.loading import load
from admire.errors import TableError
from admire.replay import export
from admire.replay.long_form import long_form
from admire.replay.published import admire_ift
from admire.trials.identity import make_spec
from admire.trials.ledger import Ledger, Trial
from admire.trials.records import Score, TrainRecord

CONFIG = Path(__file__).parents[2] / "config"


def played(campaign, sizes, failed=()):
    """A ledger of made-up trials of the given sizes."""
    rng = np.random.default_rng(0)
    cards = {
        name: {"tokenizer_sha256": "0" * 16, "splits": {"train": {"rows": 10**6, "sha256": f"{name:*<16}"}}}
        for name in campaign.sources
    }
    trials = []
    for number, size in enumerate(sizes):
        weights = rng.dirichlet(np.ones(len(campaign.sources)))
        spec = make_spec(campaign, cards, campaign.model(size), weights)
        counts = spec.counts(tuple(campaign.sources))
        scores = {metric: Score(value=rng.uniform(), stderr=0.01) for metric in campaign.metrics}
        state = "failed" if number in failed else "done"
        record = TrainRecord(status="ok", digest=spec.digest, seconds=60.0 * (number + 1))
        cost = campaign.model(size).cost
        trials.append(Trial(spec, "step_0000/lane_0", counts / counts.sum(), cost, {}, state, record, scores))
    return Ledger(campaign, tuple(trials))


@pytest.fixture(scope="module")
def runs():
    return load(CONFIG / "admire-ift-runs.yaml")


def test_the_published_columns_are_read_as_the_published_file_is(runs, tmp_path):
    ledger = played(runs, ["0.5B", "0.5B", "3B", "3B", "7B", "7B"], failed=(1,))
    (tmp_path / "admire_ift_runs.csv").write_text(export.admire_ift(runs, ledger))
    table = admire_ift(tmp_path)
    assert table.sources == tuple(runs.sources) and table.sizes == ("0.5B", "3B", "7B")
    assert [len(x) for x in table.X] == [1, 2, 2] and table.costs[0] == 1.0 and not table.notes
    assert len(table.groups["id"]) == 10 and len(table.groups["ood"]) == 7
    last = ledger.trials[-1]
    assert np.allclose(table.X[2][1], last.weights)
    by_name = dict(zip(table.metrics, table.Y[2][1], strict=True))
    assert by_name["popqa"] == pytest.approx(100 * last.scores["id/popqa"].value)
    assert by_name["naturalqs"] == pytest.approx(100 * last.scores["ood/nq_open"].value)


def test_the_published_header_is_met_to_the_letter(runs):
    head = export.admire_ift(runs, played(runs, [])).strip().split(",")
    assert head[:3] == ["model", "ratio_coconot_converted", "ratio_evol_codealpaca_heval_decontaminated"]
    assert head[19:21] == ["ratio_tulu-3-sft-personas-math-grade", "metric_minerva_math::tulu"]
    assert head[29:31] == ["metric_truthfulqa::tulu", "metric_arc_challenge:rc::tulu"]
    assert head[-4:] == ["train_time", "metric_avg_id+ood", "metric_avg_id", "metric_avg_ood"]


def test_the_long_form_is_what_replay_reads(runs, tmp_path):
    (tmp_path / "runs.csv").write_text(export.table(runs, played(runs, ["0.5B", "3B", "7B", "7B"])))
    table = long_form(tmp_path / "runs.csv", "7B")
    assert table.sizes == ("0.5B", "3B", "7B") and table.costs == tuple(model.cost for model in runs.models)
    assert table.metrics == runs.metrics and np.allclose(table.stderr[2], 0.01)


def test_another_campaign_has_no_such_columns():
    laptop = load(CONFIG / "laptop.yaml")
    with pytest.raises(TableError, match=r"does not score minerva_math, .*; export it with --format table"):
        export.admire_ift(laptop, played(laptop, ["S"]))
