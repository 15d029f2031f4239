"""The README of a replay: the problem, the command that repeats it, the table of methods and the figures."""

from __future__ import annotations

import shlex
from typing import Any

import pandas as pd

from admire.output import markdown
from admire.output.markdown import block, code, inline
from admire.report.replay import terminal_table

POOLS = {"paper": "the published study's rows", "random": "rows drawn by seed", "all": "every row"}
MISLEAD = {"negated": "smaller sizes' scores are mirrored", "independent": "smaller sizes' scores are shuffled"}
DEFAULTS = {"pool": "paper", "metric_weights": "fixed", "space": "pool", "lanes": 1}
# The options of the command that are printed; values that equal their default are left out.
OPTIONS = (
    *("space", "emulator", "lanes", "objective", "pool", "metric_weights", "mislead", "truth"),
    *("target_size", "unit", "budget", "until"),
)


def render(summary: pd.DataFrame, settings: dict[str, Any]) -> str:
    """The page in Markdown.

    Args:
        summary: one row per method, as `admire.replay.summary.summary` makes them.
        settings: the content of `settings.json`.
    """
    asked = settings["asked"]
    parts = [
        f"# Replay: {inline(settings['table'])}",
        _problem(asked, settings),
        block(command(asked)),
        _table(summary),
        "*Observed*: cost until the pool's best row had been trained at the target; *recommended*: first cost at which the current "
        "recommendation was that row; both over the seeds that got there, with their share where not all did. *Best observed*: of "
        "the rows trained at the target so far; – until every seed has one. Costs are those of everything bought, in "
        f"{inline(settings['unit'])}; means ± standard errors over seeds. docs/replay.md explains every column of `summary.csv`.",
    ]
    if settings["pictures"]:
        parts += ["![Regret against cost](replay.svg)", "![What was bought when](purchases.svg)"]
    if settings["skipped"]:
        parts.append("\n".join(f"- {inline(sentence)}" for sentence in settings["skipped"]))
    origin = settings["provenance"]
    versions = ", ".join(f"{name} {version}" for name, version in origin["versions"].items())
    parts.append(
        f"Made by admire {settings['version']} (commit {origin['commit']}), Python {origin['python']}, {versions}."
    )
    return "\n\n".join(parts) + "\n"


def command(asked: dict[str, Any]) -> str:
    """The command that repeats the replay, without options that have their default."""
    words = [
        "admire",
        "replay",
        asked["format"],
        asked["path"],
        "--methods",
        asked["methods"],
        "--seeds",
        asked["seeds"],
    ]
    for name in OPTIONS:
        value = asked.get(name)
        if value is not None and value != DEFAULTS.get(name):
            words += [f"--{name.replace('_', '-')}", value]
    if asked.get("lower_is_better"):
        words.append("--lower-is-better")
    return shlex.join(map(str, [*words, "--out", asked["out"]]))


def _problem(asked: dict[str, Any], settings: dict[str, Any]) -> str:
    """How the problems were made, in one sentence."""
    pool = POOLS["all" if settings["pool"] is None else asked["pool"]]
    said = [f"Objective {inline(settings['objective'])}; rows of the target that can be bought: {pool}"]
    if asked["metric_weights"] == "dirichlet":
        said.append("the metrics' weights are drawn by seed")
    if asked["mislead"]:
        said.append(MISLEAD[asked["mislead"]])
    if asked["truth"]:
        said.append(f"tables are drawn by seed from a model of this one ({asked['truth']}), so regret is true regret")
    return "; ".join(said) + "."


def _table(summary: pd.DataFrame) -> str:
    heads, rows = terminal_table.heads(summary), terminal_table.rows(summary)
    lines = [
        list(map(inline, heads)),
        ["---", *["---:"] * (len(heads) - 1)],
        *([code(row[0]), *map(inline, row[1:])] for row in rows),
    ]
    return "\n".join(map(markdown.row, lines))
