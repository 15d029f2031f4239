"""The README of a comparison: the table, the figure, the compared mixtures and the command that repeats it."""

from __future__ import annotations

import math
from pathlib import Path

from admire.campaign.layout import Layout
from admire.campaign.schema.campaign import Campaign
from admire.output.markdown import inline
from admire.report.comparison.scores import RECOMMENDED, Row, recommended
from admire.report.words import objective_in_words
from admire.trials.decision_records import read_proposal


def render(campaign: Campaign, rows: list[Row]) -> str:
    """The page in Markdown."""
    parts = [
        f"# Benchmark of campaign {inline(campaign.name)}",
        f"{verdict(rows)}",
        "\n".join(table(rows)),
        "![The mixtures' scores](benchmark.svg)",
        f"Each mixture was trained on {inline(campaign.target.name)} with {campaign.benchmark.replicates} fresh seeds that no "
        "campaign saw, and scored on the test split, which no campaign saw either. The objective is "
        f"{inline(objective_in_words(campaign))}; higher is better. Standard errors are over the replicates; that of a difference "
        f"is the root of the sum of both squares. All mixtures are scored on the same test documents.{twins(rows)}",
        "## Metrics",
        "\n".join(_metrics(campaign, rows)),
        "## Mixtures (%)",
        "\n".join(_weights(campaign, rows)),
        "## How it was made",
        "\n".join(_origin(campaign, rows)),
    ]
    return "\n\n".join(parts) + "\n"


CLEAR = 2.0  # a difference of fewer standard errors than this is called noise


def verdict(rows: list[Row]) -> str:
    """One sentence that says how far each compared mixture is from the recommendation."""
    best, found = recommended(rows), []
    for row in rows:
        if row is best or not row.n or not best.n:
            continue
        gap, stderr = row.behind(best)
        word = "better" if gap >= 0 else "worse"
        errors = f", {abs(gap) / stderr:.1f} standard errors" if stderr > 0 else ""
        if stderr > 0 and abs(gap) < CLEAR * stderr:
            found.append(f"level with {inline(row.mixture)} within noise (observed {word} by {abs(gap):.4f}{errors})")
        else:
            found.append(f"{word} than {inline(row.mixture)} by {abs(gap):.4f}{errors}")
    return f"The recommended mixture is {'; '.join(found)}." if found else "Nothing to compare with is finished yet."


def twins(rows: list[Row]) -> str:
    """A sentence about rows with the same mixture, which are the same trainings; empty if there are none."""
    groups: dict[tuple[float, ...], list[str]] = {}
    for row in rows:
        groups.setdefault(tuple(row.weights), []).append(inline(row.mixture))
    same = [
        f"{' and '.join(names)} are the same mixture and the same trainings"
        for names in groups.values()
        if len(names) > 1
    ]
    return f" {'; '.join(same)}." if same else ""


def table(rows: list[Row]) -> list[str]:
    """The comparison as lines of a Markdown table, the best mixture first."""
    best = recommended(rows)
    lines = ["| mixture | n | objective | recommended is better by | in standard errors |", "|---|---:|---:|---:|---:|"]
    for row in rows:
        cells = [
            f"**{inline(row.mixture)}**" if row is best else inline(row.mixture),
            f"{row.n}",
            _with_error(row.mean, row.stderr),
        ]
        if row is best or not row.n or not best.n:
            cells += ["", ""]
        else:
            gap, stderr = row.behind(best)
            cells += [_with_error(gap, stderr, "+.4f"), f"{gap / stderr:.1f}" if stderr > 0 else ""]
        lines.append(f"| {' | '.join(cells)} |")
    unfinished = sum(row.planned - row.n for row in rows)
    return lines + (
        ["", f"{unfinished} training(s) failed or are not finished; they are missing above."] if unfinished else []
    )


def _metrics(campaign: Campaign, rows: list[Row]) -> list[str]:
    names = [inline(row.mixture) for row in rows if row.n]
    lines = [f"| metric | weight | {' | '.join(names)} |", "|---|---:|" + "---:|" * len(names)]
    for metric in campaign.metrics:
        values = [f"{row.metrics[metric]:.4f}" if metric in row.metrics else "" for row in rows if row.n]
        lines.append(f"| {inline(metric)} | {campaign.objective.get(metric, 0):g} | {' | '.join(values)} |")
    return lines


def _weights(campaign: Campaign, rows: list[Row]) -> list[str]:
    lines = [f"| source | {' | '.join(inline(row.mixture) for row in rows)} |", "|---|" + "---:|" * len(rows)]
    for k, source in enumerate(campaign.sources):
        lines.append(f"| {inline(source)} | {' | '.join(f'{100 * row.weights[k]:.1f}' for row in rows)} |")
    return lines


def _origin(campaign: Campaign, rows: list[Row]) -> list[str]:
    """Lines with the command, the budget and method behind each recommendation, and the versions."""
    methods = ", ".join(map(inline, campaign.benchmark.methods))
    rivals = f", with `benchmark: {{methods: [{methods}]}}` there or in a second YAML behind it" if methods else ""
    lines = [f"- `snakemake --cores 2 benchmark --configfile <the YAML of campaign {campaign.name}>`{rivals}"]
    folder = Layout(Path(campaign.results))
    lines.append(f"- proposal of {read_proposal(folder.campaign(campaign.name).special('benchmark')).time}")
    unit = inline(campaign.budget.unit)
    lines.append(f"- {RECOMMENDED}: method {campaign.optimizer.method}, budget {campaign.total:g} {unit}")
    for method in campaign.benchmark.methods:
        lines.append(
            f"- {inline(method)}: the same budget, {campaign.total:g} {unit}, decided by method {inline(method)}"
        )
    origins = [record.provenance for row in rows for record in row.records]
    for key in ("admire", "commit", "host"):
        values = sorted({str(origin[key]) for origin in origins if origin.get(key)})
        if values:
            lines.append(f"- {key}: {', '.join(values)}")
    versions = sorted({f"{name} {v}" for origin in origins for name, v in origin.get("versions", {}).items()})
    return lines + ([f"- versions: {', '.join(versions)}"] if versions else [])


def _with_error(value: float, stderr: float, form: str = ".4f") -> str:
    if math.isnan(value):
        return ""
    return f"{value:{form}}" + ("" if math.isnan(stderr) else f" ± {stderr:.4f}")
