"""Measured costs of trials beside the nominal ones of the YAML, and where the rest of the time goes."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import datetime

from admire.campaign.layout import TrialLayout
from admire.report.campaign.results import CampaignResults
from admire.trials.costs import evaluations, measured_cost
from admire.trials.ledger import Trial
from admire.trials.records import TrainRecord


@dataclass(frozen=True)
class Size:
    """Means over the trained trials of one fidelity.

    Attributes:
        nominal: cost that they were charged: that of the YAML, or less for trials that resumed a shorter training.
        measured: measured cost in the same unit (`trials/costs.py`); None if the unit is not one of time.
        loop: seconds inside the training loop.
    """

    name: str
    trained: int
    nominal: float
    measured: float | None
    loop: float
    tokens_per_second: float


@dataclass(frozen=True)
class Activity:
    """An activity that takes time; `work` tells training and evaluation from overhead."""

    name: str
    times: int
    seconds: float
    work: bool


def sizes(results: CampaignResults) -> list[Size]:
    """Nominal and measured costs of the sizes that have a trained trial, cheapest first."""
    found = []
    for name in results.problem.fidelities.names:
        trained = [one for one in _trained(results) if one[0].fidelity == name]
        if trained:
            costs = [measured_cost(results.campaign, trial) for trial, _ in trained]
            known = [cost for cost in costs if cost is not None]
            speeds = [record.tokens_per_second or 0.0 for _, record in trained]
            loop = sum(record.seconds for _, record in trained) / len(trained)
            measured = sum(known) / len(known) if known else None
            nominal = sum(trial.cost for trial, _ in trained) / len(trained)
            found.append(Size(name, len(trained), nominal, measured, loop, sum(speeds) / len(speeds)))
    return found


def activities(results: CampaignResults) -> list[Activity]:
    """The measured activities, longest first."""
    trained = _trained(results)
    scored = [record for trial, _ in trained for record in evaluations(results.campaign, trial)]
    starts = [seconds for one in trained if (seconds := _around_training(results, *one)) is not None]
    around = [max(record.cpu_seconds - record.seconds, 0.0) for record in scored]
    validated = [record.validation_seconds for _, record in trained if record.validation_seconds]
    loops = sum(record.seconds for _, record in trained) - sum(validated)
    found = [
        Activity("training (the loop)", len(trained), loops, work=True),
        Activity("validation while training", len(validated), sum(validated), work=True),
        Activity("evaluation (scoring)", len(scored), sum(record.seconds for record in scored), work=True),
        Activity("starting, loading and saving around a training", len(starts), sum(starts), work=False),
        Activity("starting and loading before an evaluation", len(around), sum(around), work=False),
        Activity("propose", len(results.proposals), sum(one.seconds for one in results.proposals), work=False),
        Activity("update", len(results.updates), sum(one.seconds for one in results.updates), work=False),
    ]
    return sorted((one for one in found if one.times), key=lambda one: -one.seconds)


def elapsed(results: CampaignResults) -> float:
    """Seconds from the first decision to the newest update."""
    first = min(one.time for one in results.proposals)
    last = max(one.time for one in results.updates)
    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()


def _trained(results: CampaignResults) -> list[tuple[Trial, TrainRecord]]:
    """The trials that left a model, with their records."""
    return [
        (trial, trial.record)
        for trial in results.ledger.trials
        if trial.record is not None and trial.record.status == "ok"
    ]


def _around_training(results: CampaignResults, trial: Trial, record: TrainRecord) -> float | None:
    """Wall-clock seconds of the training job outside the loop, from Snakemake's benchmark file; None without that file."""
    path = _files(results, trial).logs / "train.tsv"
    if not path.is_file():
        return None
    with path.open(encoding="utf-8") as stream:
        wall = sum(float(row["s"]) for row in csv.DictReader(stream, delimiter="\t"))
    return max(wall - record.seconds, 0.0)


def _files(results: CampaignResults, trial: Trial) -> TrialLayout:
    return trial.files(results.campaign.results)
