"""Reading a user's own table of runs: one CSV with one line per run (docs/replay.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from admire.errors import TableError
from admire.replay.cells import above_zero, line, mixtures, names, numbers, read, wrong_averages
from admire.replay.table import Table

WEIGHT, METRIC, STDERR = "weight:", "metric:", "stderr:"
AVERAGES = ("average", "avg", "mean")  # metrics of these names are averages of the others
UNEQUAL = 2.0  # if costs of runs of one size differ by more than this factor, a note says so
SAME = 6  # mixtures that agree to this many decimals are the same


def long_form(path: Path, target_size: str, lower_is_better: bool = False, unit: str = "cost units") -> Table:
    """Read a table from one CSV.

    Its columns are `run`, `size`, `cost`, one `weight:<source>` per source, one `metric:<name>` per metric, and optionally
    `stderr:<name>` and `steps`. A run that was scored after several numbers of steps has one row for each, whose cost is that of
    training up to there; each pair of size and steps is then a fidelity of its own.

    The cost of a size is the mean over its runs, and sizes are ordered by it. Runs of the same mixture at the same size are
    merged into one with the mean of their scores. A metric named `average`, `avg` or `mean` is only checked against the mean of
    the others.

    Args:
        path: the file.
        target_size: the size that is recommended for; more expensive ones are left out.
        lower_is_better: whether less is better, for all metrics.
        unit: unit of the costs.

    Raises:
        TableError: names the line and the fix.
    """
    frame = read(path, ["run", "size", "cost"], named=["run", "size"])
    sources = [name for name in frame if name.startswith(WEIGHT)]
    metrics = [name for name in frame if name.startswith(METRIC) and not _is_average(name)]
    if len(sources) < 2 or not metrics:
        raise TableError(f"{path}: needs two columns {WEIGHT}<source> or more, and one {METRIC}<name> or more")
    for column in ("run", "size"):
        frame[column] = names(frame, column, path)
    frame["cost"] = above_zero(frame, "cost", path)
    frame[sources] = mixtures(frame[sources], path)
    frame[metrics] = numbers(frame[metrics], path, missing=True)
    short = tuple(name.removeprefix(METRIC) for name in metrics)
    errors = [f"{STDERR}{name}" for name in short]
    notes = _unread(frame, sources, metrics, errors, path)
    frame = frame.reindex(columns=frame.columns.union(errors, sort=False))  # NaN where none are reported
    frame[errors] = _standard_errors(frame[errors], path)
    _check_averages(frame, metrics, path)
    frame, shares = _by_steps(frame, path)
    _check_runs(frame, path, target_size)
    sizes, costs, said = _by_cost(frame, path, target_size)
    notes += said
    groups, said = _groups(frame, sizes, (sources, metrics, errors), path)
    notes += said
    return Table(
        name=path.stem,
        sources=tuple(name.removeprefix(WEIGHT) for name in sources),
        metrics=short,
        sizes=sizes,
        costs=costs,
        unit=unit,
        X=tuple(group[sources].to_numpy() for group in groups),
        Y=tuple(group[metrics].to_numpy() for group in groups),
        stderr=tuple(group[errors].to_numpy() for group in groups),
        runs=tuple(tuple(group["run"]) for group in groups),
        signs=np.full(len(short), -1.0 if lower_is_better else 1.0),
        groups={"mean": short},
        marks=tuple(n * costs[-1] for n in (3, 10, 20)),
        shares=tuple(shares.get(size, 1.0) for size in sizes),
        notes=tuple(notes),
    )


def _groups(
    frame: pd.DataFrame, sizes: tuple[str, ...], columns: tuple[list[str], list[str], list[str]], path: Path
) -> tuple[list[pd.DataFrame], list[str]]:
    """The runs of each size, the target's last, and one sentence per size in which mixtures repeat."""
    groups, notes = [], []
    for size in sizes:
        group, said = _without_repeats(frame[frame["size"] == size], *columns, path)
        groups.append(group)
        notes += said
    if len(groups[-1]) < 2:
        raise TableError(f"{path}: all runs of size '{sizes[-1]}' have one mixture; there is nothing to choose between")
    return groups, notes


def _is_average(name: str) -> bool:
    return name.removeprefix(METRIC).strip().lower() in AVERAGES


def _unread(frame: pd.DataFrame, sources: list[str], metrics: list[str], errors: list[str], path: Path) -> list[str]:
    """One sentence that names the columns that are not read; none if all are."""
    read_ones = {"run", "size", "cost", "steps", *sources, *metrics, *errors, *(n for n in frame if _is_average(n))}
    unread = [name for name in frame if name not in read_ones]
    return [f"{path}: not read: column{'s' * (len(unread) > 1)} {', '.join(unread)}"] if unread else []


def _standard_errors(frame: pd.DataFrame, path: Path) -> np.ndarray:
    """Standard errors (n x m), NaN where there is none.

    Raises:
        TableError: for the first row with a negative one.
    """
    errors = numbers(frame, path, missing=True)
    below = (errors < 0).any(1)
    if below.any():
        raise TableError(f"{path}, line {line(frame, below)}: a standard error is below zero; correct the row")
    return errors


def _check_averages(frame: pd.DataFrame, metrics: list[str], path: Path) -> None:
    """Refuse a table in which a stated average is not the mean of the metrics."""
    for name in filter(_is_average, frame):
        off = wrong_averages(frame, name, metrics, path)
        if off.any():
            place = line(frame, off)
            mean = frame.loc[place, metrics].mean()
            raise TableError(
                f"{path}, line {place}: {name} is {frame.loc[place, name]:.4f} and the mean of its metrics {mean:.4f}; "
                f"correct the {'row' if off.sum() == 1 else f'{off.sum()} rows'} or drop the column"
            )


def _by_steps(frame: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, dict[str, float]]:
    """The table with each pair of size and steps as a size of its own, and the fraction of the size's steps that each has."""
    if "steps" not in frame:
        return frame, {}
    steps = above_zero(frame, "steps", path)
    most = steps.groupby(frame["size"]).transform("max")
    sizes = frame["size"].where(steps == most, frame["size"] + "@" + steps.map("{:g}".format))
    return frame.assign(size=sizes), dict(zip(sizes, steps / most, strict=True))


def _check_runs(frame: pd.DataFrame, path: Path, target_size: str) -> None:
    """Refuse a table without two runs of the target, or in which a run of a size occurs twice."""
    sizes = ", ".join(dict.fromkeys(frame["size"]))
    at_target = int((frame["size"] == target_size).sum())
    if at_target == 0:
        raise TableError(f"{path}: has no runs of size '{target_size}'; --target-size is one of {sizes}")
    if at_target == 1:
        shorter = any(size.startswith(f"{target_size}@") for size in frame["size"])
        words = "a single run at its largest number of steps" if shorter else "a single run"
        raise TableError(f"{path}: size '{target_size}' has {words}; there is nothing to choose between")
    twice = frame.duplicated(["run", "size"])
    if twice.any():
        place = line(frame, twice)
        raise TableError(f"{path}, line {place}: run {frame['run'].loc[place]} of this size occurs twice; remove one")


def _by_cost(frame: pd.DataFrame, path: Path, target_size: str) -> tuple[tuple[str, ...], tuple[float, ...], list[str]]:
    """Sizes up to the target, cheapest first; the cost of a run of each; and sentences about sizes left out and unequal costs."""
    costs = frame.groupby("size")["cost"]
    order = costs.mean().sort_values(kind="stable")
    same = order.duplicated(keep=False)
    if same.any():
        raise TableError(
            f"{path}: sizes {' and '.join(order.index[same])} cost the same, {order[same].iloc[0]:g}; sizes are ordered by cost"
        )
    last = order.index.get_loc(target_size)
    sizes, dearer = tuple(order.index[: last + 1]), list(order.index[last + 1 :])
    notes = [f"{path}: left out, dearer than the target: {', '.join(dearer)}"] if dearer else []
    for size in sizes:
        least, most = costs.min()[size], costs.max()[size]
        if most > UNEQUAL * least:
            notes.append(
                f"{path}: runs of size '{size}' cost {least:g} to {most:g}; each counts as {order[size]:.4g}, their mean"
            )
    return sizes, tuple(float(order[size]) for size in sizes), notes


def _without_repeats(
    frame: pd.DataFrame, sources: list[str], metrics: list[str], errors: list[str], path: Path
) -> tuple[pd.DataFrame, list[str]]:
    """One size's runs, in which those of the same mixture are merged: mean scores, and the standard errors of these means."""
    mixture = pd.Series([row.tobytes() for row in frame[sources].to_numpy().round(SAME) + 0.0], index=frame.index)
    first = ~mixture.duplicated()
    if first.all():
        return frame, []
    scores = frame[metrics].groupby(mixture, sort=False).mean().set_index(frame.index[first])
    spread = (frame[errors] ** 2).groupby(mixture, sort=False).mean() / frame[errors].groupby(
        mixture, sort=False
    ).count()
    one = frame[first].copy()
    one[metrics], one[errors] = scores, (spread**0.5).set_index(frame.index[first])
    size, repeats = frame["size"].iloc[0], int((~first).sum())
    said = f"{path}: {repeats} of {len(frame)} runs of size '{size}' repeat another's mixture; they count as one run, the mean"
    return one, [said]
