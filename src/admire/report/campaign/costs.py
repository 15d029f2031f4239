"""What trials really cost beside what the YAML says, and where the rest of the time goes."""

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
    """Means over the trained trials of one model size, to one share of its steps.

    Attributes:
        nominal: what they were charged: the YAML's cost, less for those that went on with a shorter training.
        measured: the same in the same unit, as trials/costs.py counts; None where the unit is no time.
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
    """Something that takes time: `work` is what the campaign is for, the rest is overhead."""

    name: str
    times: int
    seconds: float
    work: bool


def sizes(results: CampaignResults) -> list[Size]:
    """Measured beside nominal, for the sizes that have a trained trial."""
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
    """Where the time went, as far as it was measured; longest first."""
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
    """Wall seconds of the training job outside the loop, by Snakemake's own benchmark file; None without one."""
    path = _files(results, trial).logs / "train.tsv"
    if not path.is_file():
        return None
    with path.open(encoding="utf-8") as stream:
        wall = sum(float(row["s"]) for row in csv.DictReader(stream, delimiter="\t"))
    return max(wall - record.seconds, 0.0)


def _files(results: CampaignResults, trial: Trial) -> TrialLayout:
    return trial.files(results.campaign.results)
