"""Play methods on a table of runs that others paid for: how soon would they have known the best mixture?

FORMAT is regmix (RegMix's CSV files on The Pile), admire-ift (the ADMIRE IFT Runs), or table (your own, one CSV with the
columns run, size, cost, weight:<source> ..., metric:<name> ..., optional stderr:<name> ..., steps; docs/replay.md has an
example). Every seed shuffles the rows; all methods meet the same problems. Costs are those of everything bought. observed: when
the best row had been trained at the target; recommended: when it was first recommended.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from admire.replay.instance import ReplayConfig
    from admire.replay.on_table import ReplayPlan
    from admire.replay.side_by_side import Run
    from admire.replay.table import Table

FORMATS = ("regmix", "admire-ift", "table")
OBJECTIVES = {"regmix": "mean", "admire-ift": "id+ood", "table": "mean"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The table, the methods, how problems are made of it, where to write."""
    parser.add_argument("format", metavar="FORMAT", choices=FORMATS, help="regmix, admire-ift or table")
    parser.add_argument(
        "path", metavar="PATH", type=Path, help="the folder that holds the published files, or your CSV"
    )
    parser.add_argument("--methods", default="all", help="comma-separated names (`admire methods`), or all (default)")
    parser.add_argument("--seeds", type=int, default=5, help="problems a method is played on (default 5)")
    parser.add_argument("--objective", help="a group (id+ood, id, ood, mean), a metric, or several with commas between")
    parser.add_argument(
        "--pool",
        choices=("paper", "random", "all"),
        default="paper",
        help="rows of the target that can be bought: the published study's (default), as many drawn by seed, or all",
    )
    parser.add_argument(
        "--metric-weights",
        choices=("fixed", "dirichlet"),
        default="fixed",
        help="dirichlet: the objective's weights are drawn by seed, another problem for each",
    )
    parser.add_argument(
        "--mislead",
        choices=("negated", "independent"),
        nargs="?",
        const="negated",
        help="smaller sizes say the opposite (default when given without a word), or nothing",
    )
    parser.add_argument(
        "--truth",
        choices=("gp", "trees"),
        help="tables drawn by seed from a model of this one, whose truth is known: true regret",
    )
    parser.add_argument("--unit", help="format table: what costs are in, for the pictures' labels, such as GPU-hours")
    parser.add_argument("--target-size", help="format table: the size that is recommended for")
    parser.add_argument("--lower-is-better", action="store_true", help="format table: metrics are losses")
    parser.add_argument(
        "--budget", type=float, help="stop a run at this cost (default: what the target's whole pool costs)"
    )
    parser.add_argument(
        "--until", type=float, help="go on to this cost after the best row was found (default: the last mark)"
    )
    parser.add_argument("--cores", type=int, help="processes (default: all cores); the numbers are the same")
    parser.add_argument(
        "--calibration",
        action="store_true",
        help="play nothing: how often do admire's 90%% intervals hold rows of the target that it has not seen?",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="a folder for README.md, summary.csv, curves.csv, purchases.csv, pictures, settings.json, and runs.jsonl: "
        "a replay that was ended goes on from it",
    )


def run(args: argparse.Namespace) -> None:
    """Play, print the table, write the files."""
    from admire.replay.instance import make_instance
    from admire.replay.on_table import plan_replay, run_replay
    from admire.report.replay import files, terminal_table

    _check_numbers(args)
    methods = None if args.methods == "all" else [name.strip() for name in args.methods.split(",") if name.strip()]
    _check_names(methods or [])
    table, config = _table(args), _config(args)
    make_instance(table, config, 0)  # what is impossible is refused before the folder is made
    _make_folder(args.out)
    if args.calibration:
        _say_pool(table, config)
        _calibrate(table, config, args)
        return
    keep_in = args.out / "runs.jsonl" if args.out else None
    plan = plan_replay(table, config, methods, budget=args.budget, until=args.until, keep_in=keep_in)
    _say_pool(table, config)
    print("".join(f"{sentence}\n" for sentence in plan.skipped), end="", flush=True)
    _say_kept(plan, args.seeds)
    result = run_replay(plan, args.seeds, args.cores, _bar)
    print(terminal_table.text(result.summary()))
    if args.out is not None:
        files.write(result, args.out, {key: value for key, value in vars(args).items() if key != "run"})
        print(f"\nwritten: {args.out}/")


def _check_names(methods: list[str]) -> None:
    """Refuse an unknown method before the table is read, which can take a while."""
    from admire.optimize.registry import check_name

    for name in methods:
        check_name(name)


def _say_pool(table: Table, config: ReplayConfig) -> None:
    """Print what can be bought, and what the table says of itself."""
    from admire.replay.instance import make_instance

    pool = make_instance(table, config, 0).problem.pool
    assert pool is not None, "a problem of a table has a pool"
    print("\n".join([*_describe(table, pool), *table.notes]), flush=True)


def _say_kept(plan: ReplayPlan, seeds: int) -> None:
    runs = plan.kept_runs()
    kept = sum((method, seed) in runs for method in plan.methods for seed in range(seeds))
    if kept:
        print(f"{kept} of {len(plan.methods) * seeds} runs were played before: {plan.kept.path}", flush=True)


def _bar(runs: Iterator[Run], total: int) -> Iterable[Run]:
    from tqdm import tqdm

    return tqdm(runs, total=total, desc="replay", unit="run", disable=None)


def _check_numbers(args: argparse.Namespace) -> None:
    from math import isfinite

    from admire.errors import TableError

    for name, value in (("--seeds", args.seeds), ("--cores", args.cores)):
        if value is not None and value < 1:
            raise TableError(f"{name} {value}: at least one is needed")
    if args.budget is not None and not (isfinite(args.budget) and args.budget > 0):
        raise TableError(f"--budget {args.budget:g}: a cost above zero is needed")
    if args.until is not None and not (isfinite(args.until) and args.until >= 0):
        raise TableError(f"--until {args.until:g}: a cost is needed, or 0 to end where the best row was observed")


def _make_folder(out: Path | None) -> None:
    """Make the folder now, if there is to be one: a replay may take hours."""
    from admire.errors import TableError

    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TableError(f"--out {out}: no folder can be made there ({error.strerror}); name another") from None


def _table(args: argparse.Namespace) -> Table:
    from admire.errors import TableError
    from admire.replay.long_form import long_form
    from admire.replay.published import admire_ift, regmix

    if args.format == "table":
        if args.target_size is None:
            raise TableError("--target-size is missing: the size that is recommended for")
        return long_form(args.path, args.target_size, args.lower_is_better, args.unit or "cost units")
    for name in ("target_size", "lower_is_better", "unit"):
        if getattr(args, name):
            raise TableError(f"--{name.replace('_', '-')}: goes with format table only; leave it out")
    return {"regmix": regmix, "admire-ift": admire_ift}[args.format](args.path)


def _config(args: argparse.Namespace) -> ReplayConfig:
    from admire.replay.instance import ReplayConfig

    return ReplayConfig(
        objective=OBJECTIVES[args.format] if args.objective is None else args.objective,
        pool=args.pool,
        metric_weights=args.metric_weights,
        mislead=args.mislead,
        truth=args.truth,
    )


def _describe(table: Table, pool: tuple) -> list[str]:
    """What can be bought, and how many of the target's rows cannot."""
    sizes = ", ".join(
        f"{len(rows)} at {size} ({cost:.4g})" for rows, size, cost in zip(pool, table.sizes, table.costs, strict=True)
    )
    k, m = len(table.sources), len(table.metrics)
    said = [f"{table.name}: {k} sources, {m} metrics; rows that can be bought: {sizes}; costs in {table.unit}"]
    without = len(table.X[table.target]) - len(pool[table.target])
    if without and table.pool is None:
        said.append(f"{without} of the target's rows cannot be bought: a score of the objective is missing")
    return said


def _calibrate(table: Table, config: ReplayConfig, args: argparse.Namespace) -> None:
    import os

    import pandas as pd
    from tqdm import tqdm

    from admire.output.spreadsheet import frame_text
    from admire.replay import calibration
    from admire.trials.atomic_files import write_text

    found = calibration.coverage(table, config, range(args.seeds), args.cores or os.cpu_count() or 1)
    lines = pd.concat(tqdm(found, total=args.seeds, desc="calibration", unit="seed", disable=None))
    print(calibration.summary(lines).round(3).to_string(index=False))
    if args.out is not None:
        write_text(args.out / "calibration.csv", frame_text(lines))
        print(f"\nwritten: {args.out}/calibration.csv")
