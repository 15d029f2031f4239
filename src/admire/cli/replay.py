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
    from admire.replay.benchmark import Run
    from admire.replay.case import Setting
    from admire.replay.kept_runs import KeptRuns
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
    import os

    from admire.errors import TableError
    from admire.replay import benchmark
    from admire.replay.case import make_case
    from admire.replay.kept_runs import KeptRuns

    _check_numbers(args)
    methods = _methods(args.methods)
    table, setting = _table(args), _setting(args)
    cores = args.cores or os.cpu_count() or 1
    case = make_case(table, setting, 0)  # what cannot be is refused before anything runs
    _make_folder(args.out)
    print("\n".join([*_describe(table, case.problem.pool), *table.notes]), flush=True)
    if args.calibration:
        _calibrate(table, setting, args, cores)
        return
    methods, refused = benchmark.servable(table, methods)
    if refused:
        print("\n".join(refused), flush=True)
    if not methods:
        raise TableError(f"--methods {args.methods}: none of them can be played on {table.name}")
    budget = args.budget or len(case.problem.pool[table.target]) * table.costs[table.target]
    until = min(args.until if args.until is not None else table.marks[-1], budget)
    kept = KeptRuns(args.out and args.out / "runs.jsonl", table, setting, methods, budget, until)
    runs = _play(table, setting, methods, args.seeds, kept, cores)
    decided = {"objective": setting.objective, "budget": budget, "until": until}
    _write(table, runs, args, {**decided, "methods": methods, "skipped": refused})


def _methods(asked: str) -> list[str]:
    """Names in the order given, each once."""
    from admire.optimize.methods import METHODS, check_name

    if asked == "all":
        return list(METHODS)
    methods = list(dict.fromkeys(name.strip() for name in asked.split(",") if name.strip()))
    for name in methods:
        check_name(name)
    return methods


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


def _setting(args: argparse.Namespace) -> Setting:
    from admire.replay.case import Setting

    return Setting(
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


def _play(table: Table, setting: Setting, methods: list[str], seeds: int, kept: KeptRuns, cores: int) -> list[Run]:
    """All runs, in the order of methods and seeds, whatever order they finished in; those kept are not played again."""
    from tqdm import tqdm

    from admire.replay.benchmark import replay

    wanted = [(method, seed) for seed in range(seeds) for method in methods]
    runs = {(run.method, run.seed): run for run in kept.read()}
    missing = [job for job in wanted if job not in runs]
    if len(missing) < len(wanted):
        print(f"{len(wanted) - len(missing)} of {len(wanted)} runs were played before: {kept.path}", flush=True)
    found = replay(table, setting, missing, kept.budget, kept.until, cores)
    for run in tqdm(found, total=len(missing), desc="replay", unit="run", disable=None):
        kept.add(run)
        runs[run.method, run.seed] = run
    return [runs[method, seed] for method in methods for seed in range(seeds)]


def _calibrate(table: Table, setting: Setting, args: argparse.Namespace, cores: int) -> None:
    import pandas as pd
    from tqdm import tqdm

    from admire.output.spreadsheet import frame_text
    from admire.replay import calibration
    from admire.trials.files import write_text

    found = calibration.coverage(table, setting, range(args.seeds), cores)
    lines = pd.concat(tqdm(found, total=args.seeds, desc="calibration", unit="seed", disable=None))
    print(calibration.summary(lines).round(3).to_string(index=False))
    if args.out is not None:
        write_text(args.out / "calibration.csv", frame_text(lines))
        print(f"\nwritten: {args.out}/calibration.csv")


def _write(table: Table, runs: list[Run], args: argparse.Namespace, more: dict[str, object]) -> None:
    from admire.replay import summary
    from admire.report import replay_table

    target = table.sizes[table.target]
    # beyond `until` runs that had found the best row have ended
    marks = [mark for mark in table.marks if mark <= more["until"]]
    lines = summary.summary(runs, marks, target)
    print(replay_table.text(lines))
    if args.out is None:
        return
    from admire import __version__
    from admire.output.spreadsheet import frame_text
    from admire.report import replay as picture
    from admire.report import replay_page, replay_purchases
    from admire.trials.files import write_json, write_text
    from admire.trials.records import provenance

    curves = summary.curves(runs, summary.grid(runs), target)
    purchases = summary.purchases(runs)
    for name, frame in (("summary", lines), ("curves", curves), ("purchases", purchases)):
        write_text(args.out / f"{name}.csv", frame_text(frame))
    if len(purchases):
        picture.draw(curves, more["until"], table.unit, args.out)
        replay_purchases.draw(purchases, more["methods"], table.sizes, table.unit, args.out)
    asked = {key: str(value) if isinstance(value, Path) else value for key, value in vars(args).items() if key != "run"}
    settings = {"asked": asked, "table": table.name, "unit": table.unit, "pool": table.pool, **more}
    settings |= {"pictures": bool(len(purchases)), "version": __version__, "provenance": provenance("torch", "botorch")}
    write_json(args.out / "settings.json", settings)
    write_text(args.out / "README.md", replay_page.render(lines, settings))
    print(f"\nwritten: {args.out}/")
