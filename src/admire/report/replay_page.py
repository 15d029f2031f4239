"""A replay's README: what was played, the table of methods, the pictures, how to make it again."""

from __future__ import annotations

import shlex
from typing import Any

import pandas as pd

POOLS = {"paper": "the published study's rows", "random": "rows drawn by seed", "all": "every row"}
MISLEAD = {"negated": "smaller sizes' scores are mirrored", "independent": "smaller sizes' scores are shuffled"}
DEFAULTS = {"pool": "paper", "metric_weights": "fixed"}
# beside these the command's options have no default that could be left out
OPTIONS = ("objective", "pool", "metric_weights", "mislead", "truth", "target_size", "budget", "until")


def render(summary: pd.DataFrame, settings: dict[str, Any]) -> str:
    """The page in Markdown.

    Args:
        summary: a row a method, as `admire.replay.summary.summary` makes them.
        settings: the content of `settings.json`.
    """
    asked = settings["asked"]
    parts = [
        f"# Replay: {settings['table']}",
        _problem(asked, settings),
        f"```\n{command(asked)}\n```",
        "\n".join(_rows(summary)),
        "*Observed*: cost until the pool's best row had been trained at the target; *recommended*: first cost at which the current "
        "recommendation was that row, over the seeds that got there, with their share. Costs are those of everything bought, in "
        f"{settings['unit']}; means ± standard errors over seeds. docs/method.md explains every column of `summary.csv`.",
        "![Regret against cost](replay.svg)",
        "![What was bought when](purchases.svg)",
    ]
    if settings["skipped"]:
        parts.append("\n".join(f"- {sentence}" for sentence in settings["skipped"]))
    origin = settings["provenance"]
    versions = ", ".join(f"{name} {version}" for name, version in origin["versions"].items())
    parts.append(
        f"Made by admire {settings['version']} (commit {origin['commit']}), Python {origin['python']}, {versions}."
    )
    return "\n\n".join(parts) + "\n"


def command(asked: dict[str, Any]) -> str:
    """The command that was typed, defaults left out."""
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
    """How the problems were made, in a sentence or two."""
    said = [f"Objective {settings['objective']}; rows of the target that can be bought: {POOLS[asked['pool']]}"]
    if asked["metric_weights"] == "dirichlet":
        said.append("the metrics' weights are drawn by seed")
    if asked["mislead"]:
        said.append(MISLEAD[asked["mislead"]])
    if asked["truth"]:
        said.append(f"tables are drawn by seed from a model of this one ({asked['truth']}), so regret is true regret")
    return "; ".join(said) + "."


def _rows(summary: pd.DataFrame) -> list[str]:
    """The table: costs, and regret of the recommendation and of the best observed row at each mark."""
    marks = [name.removeprefix("regret_at_") for name in summary if name.startswith("regret_at_")]
    marks = [mark for mark in marks if not mark.endswith("_se")]
    heads = ["method", "seeds", "found", "observed", "recommended"]
    heads += [f"regret at {mark}: recommended / best observed" for mark in marks] + ["CPU-s a run"]
    lines = [f"| {' | '.join(heads)} |", "|---|" + "---:|" * (len(heads) - 1)]
    for _, row in summary.iterrows():
        cells = [f"`{row['method']}`", f"{row['seeds']}", f"{row['found_share']:.0%}"]
        cells.append(_with_error(row["cost_observed_mean"], row["cost_observed_se"]))
        reached = f"{_number(row['cost_recommended_mean'])} ({row['recommended_share']:.0%})"
        cells.append(reached if row["recommended_share"] else "never")
        for mark in marks:
            pair = (
                f"{row[f'{kind}_at_{mark}']:.3f} ± {row[f'{kind}_at_{mark}_se']:.3f}"
                for kind in ("regret", "observed_regret")
            )
            cells.append(" / ".join(pair))
        cells.append(f"{row['seconds_per_run']:.1f}")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _with_error(value: float, stderr: float) -> str:
    if pd.isna(value):
        return "never"
    return _number(value) + ("" if pd.isna(stderr) else f" ± {_number(stderr)}")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
