"""Readers of tables: RegMix's files, the ADMIRE IFT runs, and one long CSV for everybody else's.

What is read is checked row by row, and refused with the file, the line and the mend.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from admire.errors import TableError
from admire.replay.table import Table

SUM_TOLERANCE = 0.005  # published weights are rounded: their sums are off by up to .003
AVERAGES = {"metric:average", "metric:avg", "metric:mean"}
AVERAGE_TOLERANCE = 1e-4  # a stated average may be off its metrics by rounding

# In the units of one run at 1B, as in arXiv 2508.11551: a run costs what its parameters do.
REGMIX_COSTS = {"1m": 0.001, "60m": 0.06, "1B": 1.0}
REGMIX_POOL = 48
IFT_POOL = 60
IFT_IN_DISTRIBUTION = 10  # the first ten metrics; the other seven are out of distribution
IFT_MARKS = (1500.0, 5652.0, 10749.0)


def regmix(folder: Path) -> Table:
    """RegMix's runs on The Pile (arXiv 2407.01492): 17 domains, 13 validation losses, sizes 1M, 60M and 1B.

    Args:
        folder: holds `train_mixture_1m.csv`, `test_mixture_60m.csv` and so on, as their authors released them.

    Raises:
        TableError: if a file is missing or says what cannot be.
    """
    X, Y, runs = [], [], []
    sources: list[str] = []
    metrics: list[str] = []
    for size in REGMIX_COSTS:
        weights, scores, names = [], [], []
        for part in ("train", "test") if size == "1m" else ("test",):
            mixture, loss = (_read(folder / f"{part}_{kind}_{size}.csv") for kind in ("mixture", "pile_loss"))
            if list(mixture["index"]) != list(loss["index"]):
                raise TableError(f"{folder}: the indices of {part}_mixture_{size}.csv and its losses differ")
            sources = [name for name in mixture if name != "index"]
            metrics = [name for name in loss if name != "index"]
            weights.append(_weights(mixture[sources], folder / f"{part}_mixture_{size}.csv"))
            scores.append(_numbers(loss[metrics], folder / f"{part}_pile_loss_{size}.csv"))
            names += [f"{part}-{size}-{index}" for index in mixture["index"]]
        X.append(np.concatenate(weights))
        Y.append(np.concatenate(scores))
        runs.append(tuple(names))
    short = tuple(name.removeprefix("metric/the_pile_").removesuffix("_val_loss") for name in metrics)
    return Table(
        name="The Pile (RegMix)",
        sources=tuple(name.removeprefix("train_the_pile_") for name in sources),
        metrics=short,
        sizes=("1M", "60M", "1B"),
        costs=tuple(REGMIX_COSTS.values()),
        unit="1B runs",
        X=tuple(X),
        Y=tuple(Y),
        stderr=_unknown(Y),
        runs=tuple(runs),
        signs=-np.ones(len(short)),
        groups={"mean": short},
        pool=REGMIX_POOL,
        marks=(1.0, 5.0, 20.0),
    )


def admire_ift(folder: Path) -> Table:
    """The ADMIRE IFT Runs (arXiv 2508.11551): 19 sources of Tülu 3, 17 benchmarks, Qwen2.5 0.5B, 3B and 7B.

    Averages are made from the metrics: three rows of the released file state one that is not their mean.

    Args:
        folder: holds `admire_ift_runs.csv`.

    Raises:
        TableError: as above.
    """
    path = folder / "admire_ift_runs.csv"
    frame = _read(path)
    sources = [name for name in frame if name.startswith("ratio_")]
    metrics = [name for name in frame if name.startswith("metric_") and not name.startswith("metric_avg")]
    short = tuple(name.removeprefix("metric_").split(":")[0] for name in metrics)
    sizes = ("0.5B", "3B", "7B")
    groups = [frame[frame["model"] == f"Qwen2.5-{size}"] for size in sizes]
    for size, group in zip(sizes, groups, strict=True):
        if group.empty:
            raise TableError(f"{path}: has no runs of Qwen2.5-{size}")
    Y = tuple(100 * _numbers(group[metrics], path) for group in groups)  # in points
    return Table(
        name="ADMIRE IFT Runs",
        sources=tuple(name.removeprefix("ratio_") for name in sources),
        metrics=short,
        sizes=sizes,
        costs=tuple(float(group["train_time"].mean()) for group in groups),
        unit="minutes on 8 A100",
        X=tuple(_weights(group[sources], path) for group in groups),
        Y=Y,
        stderr=_unknown(Y),
        runs=tuple(tuple(f"{size}-{i}" for i in range(len(group))) for size, group in zip(sizes, groups, strict=True)),
        signs=np.ones(len(short)),
        groups={"id+ood": short, "id": short[:IFT_IN_DISTRIBUTION], "ood": short[IFT_IN_DISTRIBUTION:]},
        pool=IFT_POOL,
        marks=IFT_MARKS,
        notes=_wrong_averages(frame, metrics, path),
    )


def long_form(path: Path, target_size: str, lower_is_better: bool = False) -> Table:
    """A table in one CSV: `run`, `size`, `cost`, `weight:<source>` ..., `metric:<name>` ..., optional `stderr:<name>` ... and
    `steps`: a run that was scored at several steps has a row for each, whose cost is what it took to get there; a size at so
    many steps then counts as a fidelity of its own.

    A size costs what its runs do on average, and sizes are ordered by that. A metric named `average`, `avg` or `mean` is no metric
    of its own: it is compared with the mean of the others.

    Args:
        path: the file.
        target_size: the size that is recommended for; dearer ones are left out.
        lower_is_better: of all metrics.

    Raises:
        TableError: if a column is missing, the target has no runs or one alone, runs occur twice, weights do not sum to 1
            (within 0.005), a cost is not above zero, an average is not the mean of the others, or a number is text.
    """
    frame = _read(path)
    for column in ("run", "size", "cost"):
        if column not in frame:
            raise TableError(f"{path}: has no column '{column}'; the long form is run,size,cost,weight:...,metric:...")
    sources = [name for name in frame if name.startswith("weight:")]
    metrics = [name for name in frame if name.startswith("metric:") and name not in AVERAGES]
    if len(sources) < 2 or not metrics:
        raise TableError(f"{path}: needs two columns weight:<source> or more, and one metric:<name> or more")
    frame["size"] = frame["size"].astype(str)
    frame["cost"] = _numbers(frame[["cost"]], path)[:, 0]
    if (frame["cost"] <= 0).any():
        raise TableError(f"{path}, line {_line(frame, (frame['cost'] <= 0).to_numpy())}: the cost is not above zero")
    frame, target_size, shares = _by_steps(frame, path, target_size)
    _check_runs(frame, path, target_size)
    order = frame.groupby("size")["cost"].mean().sort_values(kind="stable")
    sizes = tuple(order.index[: list(order.index).index(target_size) + 1])
    _check_average(frame, metrics, path)
    groups = [frame[frame["size"] == size] for size in sizes]
    short = tuple(name.removeprefix("metric:") for name in metrics)
    errors = [f"stderr:{name}" for name in short]
    Y = tuple(_numbers(group[metrics], path, missing=True) for group in groups)
    target_cost = float(order[target_size])
    return Table(
        name=path.stem,
        sources=tuple(name.removeprefix("weight:") for name in sources),
        metrics=short,
        sizes=sizes,
        costs=tuple(float(order[size]) for size in sizes),
        unit="cost",
        X=tuple(_weights(group[sources], path) for group in groups),
        Y=Y,
        stderr=tuple(_numbers(group.reindex(columns=errors), path, missing=True) for group in groups),
        runs=tuple(tuple(map(str, group["run"])) for group in groups),
        signs=np.full(len(short), -1.0 if lower_is_better else 1.0),
        groups={"mean": short},
        marks=tuple(n * target_cost for n in (3, 10, 20)),
        shares=tuple(shares.get(size, 1.0) for size in sizes),
    )


def _by_steps(frame: pd.DataFrame, path: Path, target_size: str) -> tuple[pd.DataFrame, str, dict[str, float]]:
    """The table with each (size, steps) as a size of its own, the whole target's name, and each one's share of its steps."""
    if "steps" not in frame:
        return frame, target_size, {}
    steps = pd.Series(_numbers(frame[["steps"]], path)[:, 0], index=frame.index)
    most = steps.groupby(frame["size"]).transform("max")
    if (steps <= 0).any():
        raise TableError(f"{path}, line {_line(frame, (steps <= 0).to_numpy())}: steps are not above zero")
    names = frame["size"].where(steps == most, frame["size"] + "@" + steps.map("{:g}".format))
    return frame.assign(size=names), target_size, dict(zip(names, steps / most, strict=True))


def _read(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path)
    except FileNotFoundError:
        raise TableError(f"{path}: there is no such file") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise TableError(f"{path}: is no CSV in UTF-8 ({error})") from None
    if frame.empty:
        raise TableError(f"{path}: has no rows")
    return frame


def _line(frame: pd.DataFrame, bad: np.ndarray) -> int:
    """Line of the file of the first bad row; the header is line 1."""
    return int(frame.index[int(np.flatnonzero(bad)[0])]) + 2


def _numbers(frame: pd.DataFrame, path: Path, missing: bool = False) -> np.ndarray:
    """Columns as numbers (n x columns); NaN where a cell is empty, if that is allowed."""
    numbers = frame.apply(pd.to_numeric, errors="coerce")
    wrong = numbers.isna() & (frame.notna() if missing else True)
    if wrong.to_numpy().any():
        column = str(wrong.columns[wrong.any().to_numpy()][0])
        line = _line(frame, wrong[column].to_numpy())
        value = frame[column].loc[line - 2]
        words = "empty" if pd.isna(value) else f"'{value}', not a number"
        raise TableError(f"{path}, line {line}: {column} is {words}")
    return numbers.to_numpy(dtype=float)


def _weights(frame: pd.DataFrame, path: Path) -> np.ndarray:
    """Mixtures (n x K), rescaled to sum 1 exactly."""
    weights = _numbers(frame, path)
    total = weights.sum(1)
    if (weights < 0).any():
        raise TableError(f"{path}, line {_line(frame, (weights < 0).any(1))}: a weight is below zero")
    off = abs(total - 1) > SUM_TOLERANCE
    if off.any():
        line = _line(frame, off)
        raise TableError(
            f"{path}, line {line}: the weights sum to {total[off][0]:.4f}, not to 1 (within {SUM_TOLERANCE}); correct the row"
        )
    return weights / total[:, None]


def _check_runs(frame: pd.DataFrame, path: Path, target_size: str) -> None:
    """The target is there, with two runs or more, and no run of a size occurs twice."""
    sizes = ", ".join(dict.fromkeys(frame["size"]))
    at_target = int((frame["size"] == target_size).sum())
    if at_target == 0:
        raise TableError(f"{path}: has no runs of size '{target_size}'; --target-size is one of {sizes}")
    if at_target == 1:
        raise TableError(f"{path}: size '{target_size}' has a single run; there is nothing to choose between")
    twice = frame.duplicated(["run", "size"]).to_numpy()
    if twice.any():
        line = _line(frame, twice)
        raise TableError(f"{path}, line {line}: run {frame['run'].loc[line - 2]} of this size occurs twice; remove one")


def _wrong_averages(frame: pd.DataFrame, metrics: list[str], path: Path) -> tuple[str, ...]:
    """One sentence if the file states averages that are not the means of its metrics."""
    if "metric_avg_id+ood" not in frame:
        return ()
    off = (
        abs(_numbers(frame[["metric_avg_id+ood"]], path)[:, 0] - _numbers(frame[metrics], path).mean(1))
        > AVERAGE_TOLERANCE
    )
    lines = ", ".join(str(int(i) + 2) for i in np.flatnonzero(off))
    return (
        (f"{path}: metric_avg_id+ood is not the mean of its metrics in lines {lines}; the metrics are used",)
        if lines
        else ()
    )


def _check_average(frame: pd.DataFrame, metrics: list[str], path: Path) -> None:
    """A stated average is the mean of the metrics."""
    for name in AVERAGES.intersection(frame):
        stated, mean = _numbers(frame[[name]], path)[:, 0], _numbers(frame[metrics], path, missing=True).mean(1)
        off = abs(stated - mean) > AVERAGE_TOLERANCE
        if off.any():
            line = _line(frame, off)
            raise TableError(
                f"{path}, line {line}: {name} is {stated[off][0]:.4f} and the mean of its metrics {mean[off][0]:.4f}; "
                f"correct the {'row' if off.sum() == 1 else f'{off.sum()} rows'} or drop the column"
            )


def _unknown(Y: list[np.ndarray] | tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    return tuple(np.full(y.shape, np.nan) for y in Y)
