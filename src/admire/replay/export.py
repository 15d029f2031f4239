"""Export of a campaign's finished trials as a CSV for other tools and for `admire replay` (`long_form.py`, `published.py`)."""

from __future__ import annotations

from admire.campaign.fidelity import fidelities
from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.models import Model
from admire.errors import TableError
from admire.output.spreadsheet import csv_text
from admire.trials.ledger import Ledger, Trial

# The tasks of config/tulu.yaml and their columns in the ADMIRE IFT Runs, in the published order: ten in distribution, seven out.
IN_DISTRIBUTION = {
    "minerva_math": "minerva_math::tulu",
    "gsm8k_cot": "gsm8k::tulu",
    "bbh_cot_fewshot": "bbh:cot-v1::tulu",
    "mmlu_cot": "mmlu:cot::summarize",
    "codex_humaneval": "codex_humaneval::tulu",
    "codex_humanevalplus": "codex_humanevalplus::tulu",
    "drop": "drop::llama3",
    "ifeval": "ifeval::tulu",
    "popqa": "popqa::tulu",
    "truthfulqa_mc2": "truthfulqa::tulu",
}
OUT_OF_DISTRIBUTION = {
    "arc_challenge": "arc_challenge:rc::tulu",
    "bigcodebench_hard": "bigcodebench_hard::tulu",
    "gpqa_main_cot_zeroshot": "gpqa:0shot_cot::tulu3",
    "nq_open": "naturalqs::tulu",
    "piqa_mc": "piqa:mc::tulu",
    "socialiqa_mc": "socialiqa:mc::tulu",
    "triviaqa": "triviaqa::tulu",
}


def table(campaign: Campaign, ledger: Ledger) -> str:
    """The long form, which `admire replay table` reads: one row per finished trial."""
    metrics = campaign.metrics
    rows = []
    for trial in _finished(ledger):
        scored = {metric: trial.scores[metric] for metric in metrics if metric in trial.scores}
        rows.append(
            {"run": trial.spec.digest, "size": trial.model, **_stop(campaign, trial)}
            | {f"weight:{name}": weight for name, weight in zip(campaign.sources, trial.weights, strict=True)}
            | {f"metric:{metric}": score.value for metric, score in scored.items()}
            | {f"stderr:{metric}": score.stderr for metric, score in scored.items()}
        )
    kinds = [f"{kind}:{metric}" for kind in ("metric", "stderr") for metric in metrics]
    stop = ["steps"] if len(campaign.fidelity.steps) > 1 else []
    return csv_text(["run", "size", "cost", *stop, *(f"weight:{name}" for name in campaign.sources), *kinds], rows)


def admire_ift(campaign: Campaign, ledger: Ledger) -> str:
    """The finished whole trainings in the columns of the published ADMIRE IFT Runs; `train_time` is measured, in minutes.

    Trials that lack one of the seventeen benchmarks are left out.

    Raises:
        TableError: if the campaign does not score the seventeen benchmarks.
    """
    by_task = {metric.partition("/")[2]: metric for metric in campaign.metrics}
    columns = IN_DISTRIBUTION | OUT_OF_DISTRIBUTION
    if lacking := [task for task in columns if task not in by_task]:
        raise TableError(
            f"campaign '{campaign.name}' does not score {', '.join(lacking)}, which the format admire-ift has; "
            "export it with --format table"
        )
    rows = []
    for trial in _finished(ledger):
        if trial.share != 1:
            continue
        scores = {task: trial.scores[metric].value for task, metric in by_task.items() if metric in trial.scores}
        if not columns.keys() <= scores.keys():
            continue  # a trial can be done without a suite that no decision needs
        averages = {"id+ood": columns, "id": IN_DISTRIBUTION, "ood": OUT_OF_DISTRIBUTION}
        rows.append(
            {"model": _published_name(campaign.model(trial.model))}
            | {f"ratio_{name}": weight for name, weight in zip(campaign.sources, trial.weights, strict=True)}
            | {f"metric_{column}": scores[task] for task, column in columns.items()}
            | {"train_time": trial.record.seconds / 60 if trial.record else None}
            | {f"metric_avg_{name}": sum(scores[task] for task in part) / len(part) for name, part in averages.items()}
        )
    head = [
        "model",
        *(f"ratio_{name}" for name in campaign.sources),
        *(f"metric_{column}" for column in columns.values()),
    ]
    return csv_text([*head, "train_time", "metric_avg_id+ood", "metric_avg_id", "metric_avg_ood"], rows)


FORMATS = {"table": table, "admire-ift": admire_ift}


def _stop(campaign: Campaign, trial: Trial) -> dict[str, float]:
    """Cost of the trial from step 0 and, in a campaign whose trials may stop early, the number of its steps."""
    if len(campaign.fidelity.steps) == 1 or trial.record is None:
        return {"cost": trial.cost}
    from_start = next(one for one in fidelities(campaign) if one.name == trial.fidelity)
    return {"cost": from_start.cost, "steps": trial.record.steps}


def _finished(ledger: Ledger) -> list[Trial]:
    return [trial for trial in ledger.trials if trial.state == "done"]


def _published_name(model: Model) -> str:
    """The base model's name without its owner, `Qwen2.5-7B`."""
    return (model.path or model.name).rpartition("/")[2]
