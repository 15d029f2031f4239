"""Readers of published tables of runs, in the files that their authors released."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from admire.errors import TableError
from admire.replay.cells import mixtures, numbers, read, wrong_averages
from admire.replay.table import Table

# In units of one run at 1B: as in arXiv 2508.11551, the cost of a run is proportional to its number of parameters.
REGMIX_COSTS = {"1m": 0.001, "60m": 0.06, "1B": 1.0}
REGMIX_POOL = 48  # rows of the target in the published study's pool
IFT_POOL = 60  # the same for the ADMIRE IFT Runs
IFT_IN_DISTRIBUTION = 10  # the first ten metrics are in distribution, the other seven out of distribution
IFT_AVERAGE = "metric_avg_id+ood"
IFT_MARKS = (1500.0, 5652.0, 10749.0)  # costs at which regret is reported


def regmix(folder: Path) -> Table:
    """RegMix's runs on The Pile (arXiv 2407.01492): 17 domains, 13 validation losses, sizes 1M, 60M and 1B.

    Args:
        folder: the folder of `train_mixture_1m.csv`, `test_mixture_60m.csv` and so on, as the authors released them.

    Raises:
        TableError: if a file is missing, or has cells that cannot be right.
    """
    _check_folder(folder)
    X, Y, runs = [], [], []
    sources: list[str] = []
    metrics: list[str] = []
    for size in REGMIX_COSTS:
        weights, scores, names = [], [], []
        for part in ("train", "test") if size == "1m" else ("test",):
            paths = [folder / f"{part}_{kind}_{size}.csv" for kind in ("mixture", "pile_loss")]
            mixture, loss = (read(path, ["index"]) for path in paths)
            if list(mixture["index"]) != list(loss["index"]):
                raise TableError(
                    f"{folder}: the indices of {paths[0].name} and {paths[1].name} differ; fetch both again"
                )
            sources = [name for name in mixture if name != "index"]
            metrics = [name for name in loss if name != "index"]
            weights.append(mixtures(mixture[sources], paths[0]))
            scores.append(numbers(loss[metrics], paths[1]))
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
        pool=REGMIX_POOL if len(X[-1]) >= REGMIX_POOL else None,
        marks=(1.0, 5.0, 20.0),
    )


def admire_ift(folder: Path) -> Table:
    """The ADMIRE IFT Runs (arXiv 2508.11551): 19 sources of Tülu 3, 17 benchmarks, Qwen2.5 0.5B, 3B and 7B.

    Averages are computed from the metrics, because three rows of the released file state an average that is not the mean of its
    metrics. The file may also hold a campaign's own runs in the same columns (`admire export --format admire-ift`). If it has
    fewer rows at 7B than the study's pool, all of them can be bought.

    Args:
        folder: the folder of `admire_ift_runs.csv`.

    Raises:
        TableError: if the file is missing, or has cells that cannot be right.
    """
    _check_folder(folder)
    path = folder / "admire_ift_runs.csv"
    frame = read(path, ["model", "train_time"])
    sources = [name for name in frame if name.startswith("ratio_")]
    metrics = [name for name in frame if name.startswith("metric_") and not name.startswith("metric_avg")]
    short = tuple(name.removeprefix("metric_").split(":")[0] for name in metrics)
    sizes = ("0.5B", "3B", "7B")
    groups = [frame[frame["model"] == f"Qwen2.5-{size}"] for size in sizes]
    for size, group in zip(sizes, groups, strict=True):
        if group.empty:
            raise TableError(f"{path}: has no runs of Qwen2.5-{size}; fetch the file again")
    Y = tuple(100 * numbers(group[metrics], path) for group in groups)  # fractions become percentage points
    return Table(
        name="ADMIRE IFT Runs",
        sources=tuple(name.removeprefix("ratio_") for name in sources),
        metrics=short,
        sizes=sizes,
        costs=tuple(float(numbers(group[["train_time"]], path).mean()) for group in groups),
        unit="minutes on 8 A100",
        X=tuple(mixtures(group[sources], path) for group in groups),
        Y=Y,
        stderr=_unknown(Y),
        runs=tuple(tuple(f"{size}-{i}" for i in range(len(group))) for size, group in zip(sizes, groups, strict=True)),
        signs=np.ones(len(short)),
        groups={"id+ood": short, "id": short[:IFT_IN_DISTRIBUTION], "ood": short[IFT_IN_DISTRIBUTION:]},
        pool=IFT_POOL if len(groups[-1]) >= IFT_POOL else None,
        marks=IFT_MARKS,
        notes=_note_of_averages(frame, metrics, path),
    )


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        words = (
            "is a file, not the folder that holds the released ones" if folder.exists() else "there is no such folder"
        )
        raise TableError(f"{folder}: {words}")


def _note_of_averages(frame: pd.DataFrame, metrics: list[str], path: Path) -> tuple[str, ...]:
    """One sentence if the file states averages that are not the means of their metrics; otherwise empty."""
    if IFT_AVERAGE not in frame:
        return ()
    off = wrong_averages(frame, IFT_AVERAGE, metrics, path)
    lines = ", ".join(map(str, frame.index[off]))
    return (
        (f"{path}: {IFT_AVERAGE} is not the mean of its metrics in lines {lines}; the metrics are used",)
        if lines
        else ()
    )


def _unknown(Y: list[np.ndarray] | tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    return tuple(np.full(y.shape, np.nan) for y in Y)
