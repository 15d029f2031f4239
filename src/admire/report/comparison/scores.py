"""The numbers of a comparison: each mixture's scores on the test split, over trainings of the target with new seeds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from admire.campaign.layout import BENCHMARK, Layout
from admire.campaign.recipes import suite_digest
from admire.campaign.schema.campaign import Campaign
from admire.errors import TrialError
from admire.output.spreadsheet import csv_text
from admire.trials.decision_records import read_proposal
from admire.trials.identity import Spec
from admire.trials.ledger import objective
from admire.trials.records import Score, TrainRecord, read_evaluation, read_training

RECOMMENDED = "recommended"


@dataclass(frozen=True)
class Row:
    """One mixture of the comparison.

    Attributes:
        mixture: its name.
        weights: K counts / total.
        planned: number of replicates that the comparison requests.
        scores: objectives on the test split, one per finished replicate (n).
        metrics: mean of each metric over the finished replicates.
        records: records of the finished trainings.
    """

    mixture: str
    weights: np.ndarray
    planned: int
    scores: np.ndarray
    metrics: dict[str, float]
    records: tuple[TrainRecord, ...]

    @property
    def n(self) -> int:
        """Number of finished replicates."""
        return len(self.scores)

    @property
    def mean(self) -> float:
        """Mean objective; NaN while no replicate is finished."""
        return float(self.scores.mean()) if self.n else float("nan")

    @property
    def stderr(self) -> float:
        """Standard error of the mean over replicates; NaN with fewer than two."""
        return float(self.scores.std(ddof=1) / np.sqrt(self.n)) if self.n > 1 else float("nan")

    def behind(self, best: Row) -> tuple[float, float]:
        """The lead of `best` over this mixture (positive if `best` is better), and the standard error of that difference."""
        return best.mean - self.mean, float(np.hypot(best.stderr, self.stderr))


def read(campaign: Campaign) -> list[Row]:
    """The mixtures of the comparison, ordered by mean objective with the best first; those without a score come last.

    Raises:
        TrialError: if the campaign has no comparison, or none of its trials is finished.
    """
    layout = Layout(Path(campaign.results))
    path = layout.campaign(campaign.name).special(BENCHMARK)
    if not path.is_file():
        raise TrialError(
            f"{path}: campaign '{campaign.name}' has no benchmark yet; run `snakemake --cores 2 benchmark`"
        )
    specs: dict[str, list[Spec]] = {}
    for entry in read_proposal(path).trials:
        specs.setdefault(str(entry.mixture), []).append(entry.read_spec(path))
    rows = [_row(campaign, layout, mixture, found) for mixture, found in specs.items()]
    if not any(row.n for row in rows):
        raise TrialError(f"{path}: none of the benchmark's trials is finished; run `snakemake --cores 2 benchmark`")
    return sorted(rows, key=lambda row: (row.n == 0, -row.mean if row.n else 0.0))


def _row(campaign: Campaign, layout: Layout, mixture: str, specs: list[Spec]) -> Row:
    finished: list[dict[str, Score]] = []
    records = []
    for spec in specs:
        trial = layout.trial(spec.model, spec.digest)
        scores: dict[str, Score] = {}
        for suite in campaign.evaluation:
            found = read_evaluation(trial.evaluation(suite, suite_digest(campaign, suite, "test")))
            scores |= {f"{suite}/{metric}": score for metric, score in (found.metrics if found else {}).items()}
        if objective(campaign, scores) is not None:
            finished.append(scores)
        if (record := read_training(trial.train())) is not None:
            records.append(record)
    counts = specs[0].counts(tuple(campaign.sources))
    return Row(
        mixture,
        counts / counts.sum(),
        len(specs),
        np.array([objective(campaign, scores) for scores in finished], dtype=float),
        {
            metric: float(np.mean([scores[metric].value for scores in finished]))
            for metric in campaign.metrics
            if finished and all(metric in scores for scores in finished)
        },
        tuple(records),
    )


def recommended(rows: list[Row]) -> Row:
    """The row of the recommended mixture."""
    return next(row for row in rows if row.mixture == RECOMMENDED)


def summary_csv(campaign: Campaign, rows: list[Row]) -> str:
    """A CSV with one line per mixture: n, mean objective, standard error, distance behind the recommendation, metrics, weights."""
    columns = ["mixture", "n", "objective", "stderr", "behind_recommended", "behind_stderr", "behind_in_stderrs"]
    columns += [f"metric:{metric}" for metric in campaign.metrics] + [f"weight:{name}" for name in campaign.sources]
    lines, best = [], recommended(rows)
    for row in rows:
        line: dict[str, object] = {
            "mixture": row.mixture,
            "n": row.n,
            "objective": _number(row.mean),
            "stderr": _number(row.stderr),
        }
        if row is not best:
            gap, stderr = row.behind(best)
            line |= {"behind_recommended": _number(gap), "behind_stderr": _number(stderr)}
            line["behind_in_stderrs"] = _number(gap / stderr if stderr > 0 else float("nan"))
        line |= {f"metric:{metric}": _number(value) for metric, value in row.metrics.items()}
        line |= {f"weight:{name}": _number(w) for name, w in zip(campaign.sources, row.weights, strict=True)}
        lines.append(line)
    return csv_text(columns, lines)


def _number(value: float) -> str:
    return f"{value:.6g}" if np.isfinite(value) else ""
