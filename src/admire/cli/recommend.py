"""Print the recommended mixture beside the baseline mixture, with its predicted score, interval and probabilities.

This only reads files, so it can be run at any time, also while the campaign is running.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from admire.cli.campaigns import add_campaign, resolve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the campaign."""
    add_campaign(parser)


def run(args: argparse.Namespace) -> int:
    """Print the recommendation."""
    campaign = resolve(args)
    from admire.campaign.layout import FINAL, Layout
    from admire.errors import TrialError
    from admire.loop.evidence import problem_of, read_cards
    from admire.loop.lane_state import latest_update
    from admire.report import words
    from admire.trials.ledger import Ledger, objective

    files = Layout(Path(campaign.results)).campaign(campaign.name)
    update = latest_update(campaign)
    if update is None:
        raise TrialError(f"{files.folder}: campaign '{campaign.name}' has no recommendation yet; run it first")
    recommendation, problem = update.recommendation, problem_of(campaign, read_cards(campaign))
    header = ("source", "baseline %", "recommended %", "90 % range", "cap %")
    rows = words.weights_table(campaign, problem, recommendation)
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    print(f"campaign {campaign.name}: recommended mixture for {campaign.target.name}, after {update.seen} trials\n")
    for row in [header, *rows]:
        print(
            f"  {row[0]:<{widths[0]}}" + "".join(f"  {cell:>{w}}" for cell, w in zip(row[1:], widths[1:], strict=True))
        )
    print(f"\npredicted score      {words.score_in_words(recommendation)}")
    if recommendation.beats_prior is not None:
        print(f"beats the baseline   with probability {recommendation.beats_prior:.2f}")
    chances = recommendation.is_best, recommendation.observed_is_best
    if (best := update.observed_best) is not None:
        print(
            f"best observed        {best.objective:.4f} (trial {best.digest}; one noisy score before the final training)"
        )
    if None not in chances:
        print(f"best of all scored   with probability {chances[0]:.2f}, the best observed with {chances[1]:.2f}")
    if recommendation.trust is not None:
        print(f"smaller sizes        {words.trust_in_words(campaign, recommendation.trust)}")
    print(f"cross-validation     {words.accuracy_in_words(campaign, recommendation.accuracy)}")
    print(f"how                  {recommendation.how}")
    ledger = Ledger.read(campaign)
    for trial in ledger.trials:
        own = trial.decision.startswith(FINAL) and trial.spec.digest not in update.evidence
        if own and (score := objective(campaign, trial.scores)) is not None:
            print(f"final training       {score:.4f} (trial {trial.spec.digest}, one seed, after the recommendation)")
    print(f"budget               spent {ledger.spent:.4g} of {campaign.total:.4g} {campaign.budget.unit}")
    report = files.report
    print(f"report               {report if report.is_file() else f'not written yet: admire report {campaign.name}'}")
    return 0
