"""A recommendation in words and as rows of a table, shared by the command line, the report's page and the benchmark."""

from __future__ import annotations

import numpy as np

from admire.campaign.fidelity import fidelities
from admire.campaign.schema.campaign import Campaign
from admire.optimize.problem import Problem
from admire.trials.decision_records import RecommendationRecord


def objective_in_words(campaign: Campaign) -> str:
    """The objective as a formula: `(−2 loss/docs − loss/code) / 3`."""
    terms = []
    for metric, weight in campaign.objective.items():
        if weight:
            size = "" if abs(weight) == 1 else f"{abs(weight):g} "
            terms.append((" − " if weight < 0 else " + ") + size + metric)
    text = "".join(terms).strip()
    text = text.removeprefix("+ ") if text.startswith("+") else text.replace("− ", "−", 1)
    total = sum(abs(weight) for weight in campaign.objective.values())
    return f"({text}) / {total:g}"


def score_in_words(recommendation: RecommendationRecord) -> str:
    """The predicted score with its interval, or a note that there is no prediction."""
    if recommendation.mean is None:
        return "no prediction: the method has no model"
    return f"{recommendation.mean:.4f} (90 % interval {recommendation.low:.4f} to {recommendation.high:.4f})"


def row_in_words(campaign: Campaign) -> str:
    """The unit of data that one row of a mixture stands for."""
    length = campaign.training.sequence_length
    return f"a window of {length} tokens" if campaign.training.kind == "pretrain" else "one conversation"


def changes_in_words(campaign: Campaign, problem: Problem, recommendation: RecommendationRecord, most: int = 3) -> str:
    """The `most` largest differences from the baseline mixture, as a sentence."""
    weights = np.array([recommendation.weights[name] for name in campaign.sources])
    moves = weights - problem.prior
    order = [i for i in np.argsort(-np.abs(moves), kind="stable")[:most] if abs(moves[i]) >= 0.005]
    names = tuple(campaign.sources)
    if not order:
        return "So far this is the baseline mixture itself."
    moved = ", ".join(f"{names[i]} {100 * problem.prior[i]:.0f} → {100 * weights[i]:.0f} %" for i in order)
    return f"Compared with the baseline mixture: {moved}."


def accuracy_in_words(campaign: Campaign, accuracy: dict[str, float]) -> str:
    """The model's cross-validated accuracy, or a note that it is unknown."""
    if not accuracy:
        return "unknown: too few trials for a cross-validation"
    n, where = accuracy["n"], accuracy_size(campaign, accuracy)
    return f"{', '.join(accuracy_figures(accuracy))} ({n:.0f} trials of {where}, each predicted from all others)"


def accuracy_size(campaign: Campaign, accuracy: dict[str, float]) -> str:
    """The size at which the accuracy was measured."""
    return fidelities(campaign)[int(accuracy["size"])].name if "size" in accuracy else campaign.target.name


def accuracy_figures(accuracy: dict[str, float]) -> list[str]:
    """Each known figure of a cross-validated accuracy, with its name."""
    figures = []
    if "r2" in accuracy:
        figures.append(f"R² {accuracy['r2']:.2f}")
    if "spearman" in accuracy:
        figures.append(f"rank correlation {accuracy['spearman']:.2f}")
    if "coverage90" in accuracy:
        figures.append(f"{100 * accuracy['coverage90']:.0f} % inside their 90 % interval")
    return figures


def trust_in_words(campaign: Campaign, trust: float) -> str:
    """Whether smaller sizes agree with the target, with their weight in the model average in per cent."""
    target = campaign.target.name
    if trust < 0.5:
        return f"do not agree with {target}: trusted with {100 * trust:.0f} %, {target}'s own trials decide"
    return f"agree with {target}: trusted with {100 * trust:.0f} %"


def weights_table(campaign: Campaign, problem: Problem, recommendation: RecommendationRecord) -> list[tuple[str, ...]]:
    """(source, baseline, recommended, range, cap) per source, in per cent and in the order of the YAML.

    `–` stands for an unknown range, and for a cap of 100 %, which limits nothing.
    """
    low, high = recommendation.weights_low, recommendation.weights_high
    rows: list[tuple[str, ...]] = []
    for i, name in enumerate(campaign.sources):
        span = "–" if low is None or high is None else f"{100 * low[name]:.1f} to {100 * high[name]:.1f}"
        cap = problem.space.caps[i]
        rows.append(
            (
                name,
                f"{100 * problem.prior[i]:.1f}",
                f"{100 * recommendation.weights[name]:.1f}",
                span,
                "–" if cap >= 1 else f"{100 * cap:.1f}",
            )
        )
    return rows
