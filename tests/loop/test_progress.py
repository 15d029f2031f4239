"""What the progress line says of the time left."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
from tiny_campaign import CARDS, RAW

from admire.campaign.layout import Layout
from admire.campaign.loading import parse
from admire.loop.progress import measure
from admire.trials.atomic_files import write_json
from admire.trials.identity import make_spec
from admire.trials.records import TrainRecord, publish

DAY = 86400.0


def test_time_left_is_at_the_pace_of_this_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause of a day between two runs is no part of it."""
    campaign = parse(RAW | {"results": str(tmp_path / "results")}, "tiny.yaml")
    layout, now = Layout(tmp_path / "results"), time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    files, target = layout.campaign(campaign.name), campaign.target
    specs = [make_spec(campaign, CARDS, target, np.array(weights)) for weights in ([0.5, 0.5], [0.4, 0.6])]
    write_json(files.proposal(0, 0), {"trials": [{"spec": spec.as_dict(), "cost": target.cost} for spec in specs]})
    os.utime(files.proposal(0, 0), (now - DAY, now - DAY))
    write_json(files.running, {"started": now - 100.0})

    def train(spec, when):
        record = layout.trial(target.name, spec.digest).train()
        publish(record, TrainRecord(status="ok", digest=spec.digest))
        os.utime(record, (when, when))

    train(specs[0], now - DAY)
    assert measure(campaign).seconds_left is None, "this run has trained nothing yet"
    train(specs[1], now)
    left = campaign.total - 2 * target.cost
    assert left > 0 and measure(campaign).seconds_left == pytest.approx(100 / target.cost * left)
    files.running.unlink()
    assert measure(campaign).seconds_left is None
