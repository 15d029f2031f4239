"""The table `results.csv` of a campaign: one row per trial in any state, with every metric and the provenance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from admire.campaign.layout import Layout
from admire.campaign.schema.campaign import Campaign
from admire.output.spreadsheet import csv_text
from admire.trials.atomic_files import write_text
from admire.trials.ledger import Ledger, Trial, objective


def write_results_table(ledger: Ledger) -> Path:
    """Write the whole table and return its path. The caller must hold the ledger's lock (`ledger.locked`)."""
    campaign = ledger.campaign
    path = Layout(Path(campaign.results)).campaign(campaign.name).table
    write_text(path, csv_text(_columns(campaign), (_row(campaign, trial) for trial in ledger.trials)))
    return path


def _columns(campaign: Campaign) -> list[str]:
    """The names of the columns in their order. The column `share` is left out if no trial stops early."""
    columns = ["digest", "decision", "model"]
    columns += ["share"] if len(campaign.fidelity.steps) > 1 else []
    columns += ["replicate", "state", "reason", "cost", "objective"]
    columns += [f"weight:{name}" for name in campaign.sources]
    columns += [f"rows:{name}" for name in campaign.sources]
    columns += [f"{kind}:{metric}" for metric in campaign.metrics for kind in ("metric", "stderr")]
    columns += ["predicted_mean", "predicted_sd", "acquisition"]
    columns += ["steps", "tokens", "seconds", "cpu_seconds", "attempts"]
    columns += ["seed", "host", "commit", "torch", "transformers", "folder"]
    return columns


def _row(campaign: Campaign, trial: Trial) -> dict[str, Any]:
    """Column -> value of one trial; columns without a value are left out."""
    names = tuple(campaign.sources)
    counts = trial.spec.counts(names)
    value = objective(campaign, trial.scores)
    row: dict[str, Any] = {
        "digest": trial.spec.digest,
        "decision": trial.decision,
        "model": trial.model,
        "share": trial.share,
        "replicate": trial.spec.decides["replicate"],
        "state": trial.state,
        "reason": trial.reason or "",
        "cost": trial.cost,
        "objective": "" if value is None else value,
        "seed": trial.spec.seed,
        "folder": str(trial.files(campaign.results).folder),
        "predicted_mean": trial.predicted.get("mean", ""),
        "predicted_sd": trial.predicted.get("sd", ""),
        "acquisition": trial.predicted.get("acquisition", ""),
    }
    row |= {f"weight:{name}": weight for name, weight in zip(names, trial.weights, strict=True)}
    row |= {f"rows:{name}": count for name, count in zip(names, counts, strict=True)}
    for metric, score in trial.scores.items():
        row[f"metric:{metric}"] = score.value
        row[f"stderr:{metric}"] = "" if score.stderr is None else score.stderr
    if trial.record is not None:
        versions = trial.record.provenance.get("versions", {})
        row |= trial.record.model_dump(
            include={"steps", "tokens", "seconds", "cpu_seconds", "attempts"}, exclude_none=True
        )
        row |= {key: trial.record.provenance.get(key) for key in ("host", "commit")}
        row |= {key: versions.get(key) for key in ("torch", "transformers")}
    return row
