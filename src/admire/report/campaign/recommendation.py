"""`recommendation.yaml`: the recommended mixture for use by other trainers, with its predicted score and its origin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from admire.loop.evidence import in_parts
from admire.loop.progress import measure
from admire.report.campaign.results import CampaignResults
from admire.report.words import objective_in_words, row_in_words
from admire.trials.atomic_files import write_text

HEADER = """\
# The recommended mixture of campaign {name}. `weights` are shares of the rows that a training draws, `rows` the exact
# counts for {total} rows, where a row is {row}. A source whose `epochs` are above 1 is repeated.
"""
DIGITS = 6
PARTS = 10**DIGITS  # weights are written in millionths, so that they sum to exactly 1


class _Dumper(yaml.SafeDumper):
    """A YAML dumper that writes one line per key of a mapping, and each list on one line."""


def _in_a_line(dumper: yaml.SafeDumper, values: list[Any]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=True)


_Dumper.add_representer(list, _in_a_line)


def content(results: CampaignResults) -> dict[str, Any]:
    """The content of the file as a mapping."""
    campaign, update, best = results.campaign, results.latest, results.recommendation
    budget = measure(campaign, results.ledger).budget
    millionths = in_parts(results.weights, PARTS)
    epochs = results.counts / results.available * campaign.training_of(campaign.target).epochs
    bounds = results.weights_range
    finals = [(trial, results.score(trial)) for trial in results.finals]
    return {
        "campaign": campaign.name,
        "target": campaign.target.name,
        "weights": {name: int(part) / PARTS for name, part in zip(results.names, millionths, strict=True)},
        "weights_range_90": None
        if bounds is None
        else {
            name: [round(float(end), DIGITS) for end in ends]
            for name, *ends in zip(results.names, *bounds, strict=True)
        },
        "rows": {name: int(count) for name, count in zip(results.names, results.counts, strict=True)},
        "epochs": {name: round(float(count), 4) for name, count in zip(results.names, epochs, strict=True)},
        "score": {
            "objective": objective_in_words(campaign),
            "predicted": _rounded(best.mean),
            "interval_90": None if best.mean is None else [_rounded(best.low), _rounded(best.high)],
            "probability_better_than_prior": _rounded(best.beats_prior),
            "probability_best_of_all_scored": _rounded(best.is_best),
            "trust_in_smaller_sizes": _rounded(best.trust),
            "observed_final": [_rounded(score) for _, score in finals if score is not None] or None,
        },
        "how": best.how,
        "method": update.method,
        "cross_validation": _accuracy(results),
        "budget": {
            "unit": campaign.budget.unit,
            "total": campaign.total,
            "spent": _rounded(budget.spent),
            "committed": _rounded(budget.committed),
        },
        "evidence": {"trials": update.seen, "digests": list(update.evidence)},
        "final_trainings": [trial.spec.digest for trial, _ in finals],
        "seeds": {"decisions": campaign.optimizer.seed, "training": campaign.training.seed},
        "time": update.time,
        "admire": update.version,
    }


def write(results: CampaignResults) -> Path:
    """Write the file into the campaign's folder."""
    campaign = results.campaign
    total = campaign.rows(campaign.target)
    header = HEADER.format(name=campaign.name, total=total, row=row_in_words(campaign))
    body = yaml.dump(content(results), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    write_text(results.layout.recommendation, header + body)
    return results.layout.recommendation


def _accuracy(results: CampaignResults) -> dict[str, Any] | None:
    """The cross-validated accuracy with the name of the size at which it was measured; None while it is unknown."""
    found = results.recommendation.accuracy
    if not found:
        return None
    figures = {key: _rounded(value) for key, value in found.items() if key not in ("size", "n")}
    where = {"model": results.problem.fidelities.names[int(found["size"])]} if "size" in found else {}
    return {**where, "n": int(found["n"]), **figures}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
