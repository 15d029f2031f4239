"""The measured cost of a trial, in the unit of the campaign's budget."""

from __future__ import annotations

from admire.campaign.recipes import suite_digest
from admire.campaign.schema.campaign import Campaign
from admire.trials.ledger import Trial
from admire.trials.records import EvaluationRecord, TrainRecord, read_evaluation

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


def seconds_of_unit(unit: str) -> int | None:
    """The number of seconds in one unit, such as CPU-minute, GPU-hour or hour; None if the unit is not a time."""
    return SECONDS.get(unit.lower().rpartition("-")[2].rstrip("s"))


def measured_cost(campaign: Campaign, trial: Trial) -> float | None:
    """The cost of training and evaluation in the budget's unit; None before the training has ended, or if the unit is not a time.

    CPU time includes the start-up of both processes. GPU time and plain time include only the training and scoring loops.
    """
    unit = seconds_of_unit(campaign.budget.unit)
    if unit is None or trial.record is None:
        return None
    records: list[TrainRecord | EvaluationRecord] = [trial.record, *evaluations(campaign, trial)]
    device = campaign.budget.unit.lower().rpartition("-")[0]
    if device == "cpu":
        return sum(record.cpu_seconds for record in records) / unit
    gpus = max(trial.record.gpus, 1) if device == "gpu" else 1
    return gpus * sum(record.seconds for record in records) / unit


def evaluations(campaign: Campaign, trial: Trial) -> list[EvaluationRecord]:
    """The records of a trial's evaluations by the campaign's suites, as far as they exist."""
    files = trial.files(campaign.results)
    found = [read_evaluation(files.evaluation(suite, suite_digest(campaign, suite))) for suite in campaign.evaluation]
    return [record for record in found if record is not None]
