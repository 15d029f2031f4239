"""`report.html`: one page without external resources that explains a campaign to somebody who has not seen it before."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from admire.data.left_out import Tally
from admire.health.check import findings
from admire.loop.progress import duration, measure
from admire.report import words
from admire.report.campaign import calibration, costs, influence, mixture, progress, purchases, validation_curves
from admire.report.campaign.results import CampaignResults
from admire.report.markup import code, document, paragraph, picture, section, table, tiles
from admire.trials.atomic_files import write_text

USE = """\
import yaml

mixture = yaml.safe_load(open("recommendation.yaml"))
weights = mixture["weights"]  # source -> share; they sum to 1
rows = mixture["rows"]        # source -> rows to draw
"""
FIGURES = (mixture, progress, purchases, calibration, influence)


def write(results: CampaignResults) -> Path:
    """Draw all figures into `figures/` and write the page."""
    pictures = {figure: _drawn(figure, results) for figure in FIGURES}
    body = [
        *_head(results),
        '<div class="pair">',
        f"<div>{_weights(results)}</div>",
        pictures[mixture],
        "</div>",
        *_worth_knowing(results),
        section(
            "How it was reached",
            paragraph(_sentence(results.recommendation.how)),
            _pair(pictures[progress], pictures[purchases]),
            *([_drawn(validation_curves, results)] if results.campaign.validation else []),
        ),
        section("How far the model can be trusted", _pair(pictures[calibration], pictures[influence])),
        section("Trials", *_trials(results)),
        section("What it cost", *_costs(results)),
        section("Using the recommendation elsewhere", *_use(results)),
        section("Where the numbers come from", *_provenance(results)),
    ]
    write_text(results.layout.report, document(f"Campaign {results.campaign.name}", body))
    return results.layout.report


def _worth_knowing(results: CampaignResults) -> list[str]:
    """A section of problems and remarks that a reader of the numbers should know; none if there are none."""
    found = findings(results.campaign, results.ledger)
    return [section("Worth knowing", *(paragraph(str(finding)) for finding in found))] if found else []


def _drawn(figure: ModuleType, results: CampaignResults) -> str:
    return picture(figure.draw(results, results.layout.figures), figure.TITLE, figure.CAPTION)


def _pair(*pictures: str) -> str:
    return "\n".join(['<div class="pair">', *pictures, "</div>"])


def _head(results: CampaignResults) -> list[str]:
    """The title, the recommendation in words, and the key figures."""
    campaign, best = results.campaign, results.recommendation
    target = campaign.target.name
    heaviest = sorted(best.weights.items(), key=lambda pair: -pair[1])
    mixture_words = ", ".join(f"{name} {100 * weight:.0f} %" for name, weight in heaviest[:8] if weight >= 0.005)
    rest = sum(weight for _, weight in heaviest[8:])
    more = f" and {len(heaviest) - 8} further sources with {100 * rest:.0f} % together" if rest >= 0.005 else ""
    state = (
        "finished"
        if any(trial.state == "done" for trial in results.finals)
        else "under way; this is what is known so far"
    )
    changes = words.changes_in_words(campaign, results.problem, best)
    return [
        f"<h1>Which mixture is best for {target}?</h1>",
        paragraph(f"Campaign {campaign.name}, {state}. Maximised: {words.objective_in_words(campaign)}.", "quiet"),
        paragraph(f"Train {target} on {mixture_words}{more}. {changes}", "lead"),
        tiles(_numbers(results)),
    ]


def _numbers(results: CampaignResults) -> list[tuple[str, str, str]]:
    campaign, best, update = results.campaign, results.recommendation, results.latest
    target, unit = campaign.target.name, campaign.budget.unit
    found = []
    if best.mean is None:
        found.append((f"Predicted score at {target}", "unknown", "the method has no model"))
    else:
        interval = f"90 % interval {best.low:.4f} to {best.high:.4f}"
        found.append((f"Predicted score at {target}", f"{best.mean:.4f}", interval))
    if best.beats_prior is not None:
        prior = campaign.mixture.prior if isinstance(campaign.mixture.prior, str) else "given in the configuration"
        found.append(("Probability to beat the baseline", f"{100 * best.beats_prior:.0f} %", f"baseline: {prior}"))
    if (row := update.observed_best) is None:
        found.append((f"Best observed at {target}", "none yet", "predictions come from smaller sizes"))
    else:
        found.append(
            (
                f"Best observed at {target}",
                f"{row.objective:.4f}",
                f"trial {row.digest[:8]}; one noisy score",
            )
        )
    scores = [score for trial in results.finals if (score := results.score(trial)) is not None]
    if scores:
        remark = f"{len(scores)} training{'s' if len(scores) > 1 else ''} on the recommended mixture"
        found.append((f"Final training of {target}", f"{sum(scores) / len(scores):.4f}", remark))
    standing = measure(campaign, results.ledger).budget
    remark = f"{unit}; committed {standing.committed:.4g}, reserved {standing.reserved:.4g}"
    found.append(("Budget spent", f"{standing.spent:.4g} of {standing.total:.4g}", remark))
    return found


def _weights(results: CampaignResults) -> str:
    """The table of weights, with a column for the best observed mixture."""
    observed = results.latest.observed_best
    header = ["source", "baseline %", "recommended %", "90 % range", "cap %", "rows", "best observed %"]
    rows = []
    for cells, count in zip(
        words.weights_table(results.campaign, results.problem, results.recommendation), results.counts, strict=True
    ):
        best = "–" if observed is None else f"{100 * observed.weights[cells[0]]:.1f}"
        rows.append([*cells, f"{count:,}", best])
    note = (
        f"A row is {words.row_in_words(results.campaign)}. The cap is the most that a source can give if no row is drawn more "
        f"often than max_epochs ({results.campaign.mixture.max_epochs:g}) allows."
    )
    return table(header, rows) + paragraph(note, "quiet")


def _trials(results: CampaignResults) -> list[str]:
    """The number of trials per size and state, and the reasons of failed ones."""
    trials = measure(results.campaign, results.ledger).trials
    rows = []
    for name in results.problem.fidelities.names:
        counts = [sum(trial.fidelity == name for trial in found) for found in trials.values()]
        target = " (target)" if name == results.campaign.target.name else ""
        rows.append([f"{name}{target}", *counts, sum(counts)])
    parts = [table(["size", *trials, "all"], rows)]
    if trials["failed"]:
        failed = [(trial.fidelity, trial.spec.digest, trial.decision, trial.reason or "") for trial in trials["failed"]]
        parts += ["<h3>Failed trials</h3>", table(["size", "trial", "decided in", "reason"], failed, text=4)]
        parts.append(
            paragraph("They count as spent; the command admire retry with the trial's name opens one again.", "quiet")
        )
    return [*parts, paragraph("Every trial with all its metrics: results.csv beside this page.", "quiet")]


def _costs(results: CampaignResults) -> list[str]:
    """Nominal and measured cost per size, and where the time went."""
    unit, sizes = results.campaign.budget.unit, costs.sizes(results)
    if not sizes:
        return [paragraph("Nothing is trained yet.")]
    rows = []
    for one in sizes:
        measured = "–" if one.measured is None else f"{one.measured:.3g}"
        rows.append(
            (one.name, one.trained, f"{one.nominal:.3g}", measured, f"{one.loop:.1f}", f"{one.tokens_per_second:,.0f}")
        )
    note = (
        "Means per trial. The budget counts nominal cost. Measured cost includes evaluation and, in CPU time, the starts of both "
        "processes."
    )
    return [
        table(["size", "trained", f"nominal {unit}", f"measured {unit}", "training loop (s)", "tokens/s"], rows),
        paragraph(note, "quiet"),
        *_times(results, sum(one.trained for one in sizes)),
    ]


def _times(results: CampaignResults, trained: int) -> list[str]:
    """Where the time went, and which overhead dominates."""
    done, wall = costs.activities(results), costs.elapsed(results)
    lines = [(one.name, one.times, f"{one.seconds:.0f}", f"{one.seconds / trained:.1f}") for one in done]
    overhead = [one for one in done if not one.work]
    share = sum(one.seconds for one in overhead) / sum(one.seconds for one in done)
    text = f"Overhead is {100 * share:.0f} % of this, most of it {overhead[0].name}. "
    if wall > 0:
        text += f"From the first decision to the newest update {duration(wall)} passed. "
    return [
        "<h3>Where the time went</h3>",
        table(["activity", "times", "seconds", "seconds per trained trial"], lines),
        paragraph(text + "Snakemake itself, building data and waiting are not in the table.", "quiet"),
    ]


def _use(results: CampaignResults) -> list[str]:
    campaign = results.campaign
    total = campaign.rows(campaign.target)
    return [
        paragraph(
            f"recommendation.yaml beside this page holds the weights, exact counts for {total:,} rows, the interval and the "
            f"evidence. Weights are shares of rows, each {words.row_in_words(campaign)}: a trainer that counts otherwise must "
            "convert them. They hold for this target, this amount of data and this objective; a far larger model or more data "
            "may want another mixture."
        ),
        code(USE),
    ]


def _provenance(results: CampaignResults) -> list[str]:
    """Versions, commits, seeds, and the content of the sources."""
    campaign = results.campaign
    origins = [trial.record.provenance for trial in results.ledger.trials if trial.record is not None]
    versions = {f"{name} {version}" for origin in origins for name, version in origin.get("versions", {}).items()}
    rows = [
        ("campaign", str(results.layout.config)),
        ("method", f"{results.latest.method}, seed {campaign.optimizer.seed}"),
        ("training seed", str(campaign.training.seed)),
        ("evidence", f"{results.latest.seen} finished trials, update of {results.latest.time}"),
        ("ADMIRE", results.latest.version),
        *((name, _listed(origin.get(name) for origin in origins)) for name in ("commit", "host", "platform", "python")),
        ("libraries", ", ".join(sorted(versions))),
    ]
    sources = [
        (name, card["splits"]["train"]["sha256"][:16], f"{card['splits']['train']['rows']:,}", *_left_out(card))
        for name, card in results.cards.items()
    ]
    return [
        table(["what", "value"], [row for row in rows if row[1]], text=2),
        "<h3>Sources</h3>",
        table(["source", "content sha256", "training rows", "documents", "left out", "cut"], sources, text=2),
    ]


def _left_out(card: dict[str, Any]) -> tuple[str, str, str]:
    tally = Tally.of(card)
    return f"{tally.documents:,}", f"{tally.left_out.total():,}", f"{tally.cut:,}"


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(sorted({str(value) for value in values if value}))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
