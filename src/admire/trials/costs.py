"""What a trial really cost, in the unit of the campaign's budget."""

from __future__ import annotations

from admire.campaign.recipes import suite_digest
from admire.campaign.schema.campaign import Campaign
from admire.trials.ledger import Trial
from admire.trials.records import EvaluationRecord, TrainRecord, read_evaluation

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


def seconds_of_unit(unit: str) -> int | None:
    """Seconds of one CPU-minute, GPU-hour, hour and the like; None for a unit that is no time."""
    return SECONDS.get(unit.lower().rpartition("-")[2].rstrip("s"))


def measured_cost(campaign: Campaign, trial: Trial) -> float | None:
    """Cost of training and evaluation in the budget's unit; None before the training has ended, and for units that are no times.

    CPU time counts the starts of both processes; time of GPUs, and time alone, counts their loops.
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
    """A trial's scores by the campaign's suites, those that are there."""
    files = trial.files(campaign.results)
    found = [read_evaluation(files.evaluation(suite, suite_digest(campaign, suite))) for suite in campaign.evaluation]
    return [record for record in found if record is not None]
