"""Replay methods on a table of finished runs: at which cost would each have found the best mixture?

FORMAT is regmix (RegMix's CSV files on The Pile), admire-ift (the ADMIRE IFT Runs) or table (your own CSV file with the columns
run, size, cost, weight:<source> ..., metric:<name> ... and optionally stderr:<name> ... and steps; docs/replay.md has an example).
A method trains nothing: it buys rows of the table at their cost and sees only the scores of rows that it bought.

Each seed makes one problem of the table, with the rows in another order; all methods are played on the same problems. In the
output, `observed` is the cost of everything bought until the best row was bought at the target size, and `recommended` the cost
until the method first recommended that row.

With --space continuous a method chooses any mixture, as in a campaign. Emulators that are fitted to the table score it, with noise
as in the table, so the true best mixture is known. At the cost of .5, 1, 2, 4 and 8 trainings of the target the output has the true
regret of the current recommendation, how often that is worse than the baseline mixture (the mean of the table's mixtures), and how
far the method's prediction is from the truth.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from admire.replay.continuous.on_emulators import ContinuousPlan
    from admire.replay.instance import ReplayConfig
    from admire.replay.on_table import ReplayPlan
    from admire.replay.table import Table

Finished = TypeVar("Finished")

FORMATS = ("regmix", "admire-ift", "table")
SPACES = ("pool", "continuous")
EMULATORS = ("joint-gp", "joint-law", "joint-network", "joint-trees")  # the names in replay/continuous/families.py
# Options that mean something in one space only, with the value that an option has there when it is left out.
OF_POOL = {"pool": "paper", "metric_weights": "fixed", "truth": None, "until": None, "calibration": False}
OF_CONTINUOUS = {"emulator": "joint-gp", "lanes": 1}
OBJECTIVES = {"regmix": "mean", "admire-ift": "id+ood", "table": "mean"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the table, the methods, how problems are made of the table, and the folder to write to."""
    parser.add_argument("format", metavar="FORMAT", choices=FORMATS, help="regmix, admire-ift or table")
    parser.add_argument(
        "path", metavar="PATH", type=Path, help="the folder with the published files, or your own CSV file"
    )
    parser.add_argument(
        "--methods", default="all", help="names separated by commas, as `admire methods` lists them, or all (default)"
    )
    parser.add_argument("--seeds", type=int, default=5, help="number of problems per method (default: 5)")
    parser.add_argument(
        "--space",
        choices=SPACES,
        default="pool",
        help="what can be bought: rows of the table (pool, default), or any mixture, which emulators of the table score "
        "(continuous)",
    )
    _add_problem(parser)
    _add_continuous(parser)
    _add_own_table(parser)
    _add_extent(parser)
    parser.add_argument(
        "--calibration",
        action="store_true",
        help="play no methods; instead measure how often admire's 90%% intervals contain the scores of rows of the target size "
        "that it has not seen",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="a folder to write README.md, summary.csv, curves.csv, purchases.csv, settings.json and pictures to; its runs.jsonl "
        "holds finished runs, from which an interrupted replay resumes",
    )


def _add_problem(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how a seed's problem is made of the table")
    group.add_argument(
        "--objective",
        help="what is maximised: the mean of a group (id+ood, id, ood, mean), or one or several metrics, separated by commas",
    )
    group.add_argument(
        "--pool",
        choices=("paper", "random", "all"),
        help="which rows of the target size can be bought: those of the published study (default), as many drawn at random with "
        "the seed, or all",
    )
    group.add_argument(
        "--metric-weights",
        choices=("fixed", "dirichlet"),
        help="the weights of the objective's metrics: fixed (default), or drawn with each seed from a Dirichlet distribution",
    )
    group.add_argument(
        "--mislead",
        choices=("negated", "independent"),
        nargs="?",
        const="negated",
        help="test robustness: change the scores of the smaller sizes so that they mislead: negated (mirrored at their mean; this "
        "if no word is given) or independent (those of other mixtures)",
    )
    group.add_argument(
        "--truth",
        choices=("gp", "trees"),
        help="instead of the table's scores, play on scores drawn with each seed from a model of the table (a Gaussian process or "
        "trees), so that the true best mixture and the true regret are known",
    )


def _add_continuous(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("--space continuous")
    group.add_argument(
        "--emulator",
        choices=EMULATORS,
        help="the family of the emulators: Gaussian processes (default), exponential laws, neural networks, or boosted trees with "
        "soft splits",
    )
    group.add_argument("--lanes", type=int, help="number of trials in flight at once (default: 1)")


def _add_own_table(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("format table")
    group.add_argument("--unit", help="the unit of costs, for the labels of pictures, such as GPU-hours")
    group.add_argument("--target-size", help="the model size that a mixture is recommended for")
    group.add_argument("--lower-is-better", action="store_true", help="the metrics are losses, so lower is better")


def _add_extent(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how long a run is")
    group.add_argument(
        "--budget",
        type=float,
        help="the cost at which a run stops (default: the cost of all rows of the target size that can be bought; with --space "
        "continuous, that of eight trainings of the target)",
    )
    group.add_argument(
        "--until",
        type=float,
        help="after the best row was found, continue a run up to this cost (default: the last of the costs that the summary shows)",
    )
    group.add_argument(
        "--cores", type=int, help="number of processes (default: one per core); it does not change the numbers"
    )


def run(args: argparse.Namespace) -> None:
    """Play the methods, print the summary table and, with `--out`, write the files."""
    from admire.replay.instance import make_instance
    from admire.replay.on_table import plan_replay, run_replay
    from admire.report.replay import files, terminal_table

    _check_numbers(args)
    _check_space(args)
    methods = None if args.methods == "all" else [name.strip() for name in args.methods.split(",") if name.strip()]
    _check_names(methods or [])
    if args.space == "continuous":
        _play_continuous(args, methods)
        return
    table, config = _table(args), _config(args)
    make_instance(table, config, 0)  # An impossible problem is refused here, before the output folder is made.
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


def _play_continuous(args: argparse.Namespace, methods: list[str] | None) -> None:
    """Fit the emulators, play the methods on them, print the tables and, with `--out`, write the files."""
    from admire.replay.continuous.on_emulators import check, plan_continuous, run_continuous
    from admire.replay.continuous.world import ContinuousConfig
    from admire.report.replay.continuous import files, tables

    table = _table(args)
    config = ContinuousConfig(_objective(args), args.emulator, args.mislead, args.lanes)
    check(table, config, methods)  # What is impossible is refused before the output folder is made.
    _make_folder(args.out)
    print("\n".join([*table.notes, f"emulators ({args.emulator}) are fitted to {table.name} ..."]), flush=True)
    keep_in = args.out / "runs.jsonl" if args.out else None
    plan = plan_continuous(table, config, methods, budget=args.budget, keep_in=keep_in, cores=args.cores)
    print("\n".join([*_describe_world(plan), *plan.skipped]), flush=True)
    _say_kept(plan, args.seeds)
    result = run_continuous(plan, args.seeds, args.cores, _bar)
    print(tables.text(result.summary()))
    if passed := result.passed():
        print(f"a recommendation passes the best mixture that was found by {passed:.2g} sd; its regret counts as zero")
    if args.out is not None:
        files.write(result, args.out, {key: value for key, value in vars(args).items() if key != "run"})
        print(f"\nwritten: {args.out}/")


def _describe_world(plan: ContinuousPlan) -> list[str]:
    """Sentences on the problem: how far the baseline mixture is from the best one, and how well sizes agree."""
    table, world = plan.table, plan.world
    sizes = ", ".join(
        f"{size} ({cost:.4g}) {agreement:.2f}, noise {noise:.2f} sd"
        for size, cost, agreement, noise in zip(
            table.sizes, table.costs, world.agreement, world.objective_noise_sd, strict=True
        )
    )
    k, m = len(table.sources), len(world.problem.objective.metrics)
    return [
        f"{table.name}: {k} sources, {m} metrics; costs in {table.unit}; sd: over random mixtures, {world.spread:.4g}",
        f"the baseline mixture lacks {world.baseline_regret_sd:.2f} sd; rank correlation of sizes with the target: {sizes}",
    ]


def _check_space(args: argparse.Namespace) -> None:
    """Refuse options of the other space, and give those that were left out their value."""
    from admire.errors import TableError

    own, other = (OF_POOL, OF_CONTINUOUS) if args.space == "pool" else (OF_CONTINUOUS, OF_POOL)
    for name in other:
        if getattr(args, name) not in (None, False):
            there = "continuous" if args.space == "pool" else "pool"
            raise TableError(f"--{name.replace('_', '-')}: goes with --space {there} only; leave it out")
    for name, usual in own.items():
        if getattr(args, name) is None:
            setattr(args, name, usual)


def _check_names(methods: list[str]) -> None:
    """Refuse an unknown method now, because reading the table can take a while."""
    from admire.optimize.registry import check_name

    for name in methods:
        check_name(name)


def _say_pool(table: Table, config: ReplayConfig) -> None:
    """Print which rows can be bought, and the notes that came with the table."""
    from admire.replay.instance import make_instance

    pool = make_instance(table, config, 0).problem.pool
    assert pool is not None, "a problem of a table has a pool"
    print("\n".join([*_describe(table, pool), *table.notes]), flush=True)


def _say_kept(plan: ReplayPlan | ContinuousPlan, seeds: int) -> None:
    runs = plan.kept.by_job()
    kept = sum((method, seed) in runs for method in plan.methods for seed in range(seeds))
    if kept:
        print(f"{kept} of {len(plan.methods) * seeds} runs were played before: {plan.kept.path}", flush=True)


def _bar(runs: Iterator[Finished], total: int) -> Iterable[Finished]:
    from tqdm import tqdm

    return tqdm(runs, total=total, desc="replay", unit="run", disable=None)


def _check_numbers(args: argparse.Namespace) -> None:
    from math import isfinite

    from admire.errors import TableError

    for name, value in (("--seeds", args.seeds), ("--cores", args.cores), ("--lanes", args.lanes)):
        if value is not None and value < 1:
            raise TableError(f"{name} {value}: at least one is needed")
    if args.budget is not None and not (isfinite(args.budget) and args.budget > 0):
        raise TableError(f"--budget {args.budget:g}: a cost above zero is needed")
    if args.until is not None and not (isfinite(args.until) and args.until >= 0):
        raise TableError(f"--until {args.until:g}: a cost is needed, or 0 to end where the best row was observed")


def _make_folder(out: Path | None) -> None:
    """Make the output folder now, so that a wrong path is refused before a replay of hours."""
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
            raise TableError("--target-size is missing: the model size that a mixture is recommended for")
        return long_form(args.path, args.target_size, args.lower_is_better, args.unit or "cost units")
    for name in ("target_size", "lower_is_better", "unit"):
        if getattr(args, name):
            raise TableError(f"--{name.replace('_', '-')}: goes with format table only; leave it out")
    return {"regmix": regmix, "admire-ift": admire_ift}[args.format](args.path)


def _objective(args: argparse.Namespace) -> str:
    return OBJECTIVES[args.format] if args.objective is None else args.objective


def _config(args: argparse.Namespace) -> ReplayConfig:
    from admire.replay.instance import ReplayConfig

    return ReplayConfig(
        objective=_objective(args),
        pool=args.pool,
        metric_weights=args.metric_weights,
        mislead=args.mislead,
        truth=args.truth,
    )


def _describe(table: Table, pool: tuple) -> list[str]:
    """Sentences on the rows that can be bought and on the target's rows that cannot; `pool` has one array of rows per size."""
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
