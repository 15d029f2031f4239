"""The README of a replay in the continuous space: the problem, the command that repeats it, the tables and the figures."""

from __future__ import annotations

from typing import Any

import pandas as pd

from admire.output import markdown
from admire.output.markdown import block, code, inline
from admire.report.replay.continuous import tables
from admire.report.replay.page import command

MISLEAD = {
    "negated": "smaller sizes' scores are mirrored at their mean",
    "independent": "smaller sizes' scores are those of other mixtures",
}
PICTURES = {"replay": "Regret against cost", "purchases": "What was bought when"}


def render(summary: pd.DataFrame, settings: dict[str, Any]) -> str:
    """The page in Markdown.

    Args:
        summary: one row per method, as `admire.replay.continuous.summary.summary` makes them.
        settings: the content of `settings.json`.
    """
    parts = [
        f"# Replay in the continuous space: {inline(settings['table'])}",
        "\n".join(f"- {sentence}" for sentence in sentences(settings)),
        block(command(settings["asked"])),
        "## Regret",
        _table(tables.regret(summary)),
        "True regret of the current recommendation, in standard deviations over mixtures; means ± standard errors over seeds. The "
        "columns are costs of finished trials, in trainings of the target.",
        "## Worse than the baseline mixture",
        _table(tables.worse(summary)),
        "Share of the seeds whose recommendation is truly worse than the baseline mixture.",
        "## Self-optimism",
        _table(tables.optimism(summary)),
        "Predicted minus true objective of the recommendation, in predicted standard deviations; and the share of the 90 % "
        "intervals that contain the truth. – where the method predicts nothing. docs/replay.md explains every column of "
        "`summary.csv`.",
    ]
    parts += [f"![{PICTURES[name]}]({name}.svg)" for name in settings["pictures"]]
    if settings["skipped"]:
        parts.append("\n".join(f"- {inline(sentence)}" for sentence in settings["skipped"]))
    origin = settings["provenance"]
    versions = ", ".join(f"{name} {version}" for name, version in origin["versions"].items())
    parts.append(
        f"Made by admire {settings['version']} (commit {origin['commit']}), Python {origin['python']}, {versions}."
    )
    return "\n\n".join(parts) + "\n"


def sentences(settings: dict[str, Any]) -> list[str]:
    """How the problem was made and how hard it is."""
    said = [
        f"Objective {inline(settings['objective'])}; scores come from emulators of the table "
        f"(`{settings['emulator']}`), plus noise.",
        f"The baseline mixture lacks {settings['baseline_regret_sd']:.2f} standard deviations over mixtures of the best one "
        f"({settings['spread'] * settings['baseline_regret_sd']:.4g} in the objective's units; one standard deviation is "
        f"{settings['spread']:.4g}).",
    ]
    for size in settings["sizes"]:
        said.append(
            f"{inline(size['name'])} costs {size['cost']:.4g} ({inline(settings['unit'])}); its true scores have rank correlation "
            f"{size['rank_correlation']:.2f} with the target's, and a trial's noise is {size['noise_sd']:.2f} standard deviations "
            "over mixtures of the target."
        )
    said.append(
        f"A run costs at most {settings['budget'] / settings['target_cost']:.4g} trainings of the target; trials in flight: "
        f"{settings['lanes']}; the initial design has up to {settings['initial']} trials."
    )
    if settings["mislead"]:
        said.append(f"Sizes mislead: {MISLEAD[settings['mislead']]}; the rank correlations above are those before.")
    if settings["passed"]:
        said.append(
            "A recommendation is better than the best mixture that the search found, by "
            f"{settings['passed']:.2g} standard deviations; regrets below zero count as zero."
        )
    return said


def _table(table: tables.Table) -> str:
    heads, rows = table
    lines = [
        list(map(inline, heads)),
        ["---", *["---:"] * (len(heads) - 1)],
        *([code(row[0]), *map(inline, row[1:])] for row in rows),
    ]
    return "\n".join(map(markdown.row, lines))
