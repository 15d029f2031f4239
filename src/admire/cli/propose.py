"""Decide which trials come next, and write the decision as a proposal. The workflow's rules run this.

DECISION is one of:
  step_KKKK/lane_L  the optimiser chooses mixtures and model sizes
  final_KKKK        the target is trained on the recommended mixture
  base              the models are trained that fine-tuning starts from
  benchmark         the mixtures to compare are trained with new seeds
"""

from __future__ import annotations

import argparse

from admire.cli.campaigns import add_campaign_option, resolve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the decision and the campaign."""
    parser.add_argument("decision", metavar="DECISION", help="for example step_0003/lane_0")
    add_campaign_option(parser)


def run(args: argparse.Namespace) -> int:
    """Decide, and print one line with the trials, their cost and, if they share one, their reason."""
    campaign = resolve(args)
    from admire.campaign.fidelity import label
    from admire.loop.decisions import decide
    from admire.trials.decision_records import read_proposal

    proposal = read_proposal(decide(campaign, args.decision))
    trials = proposal.trials
    cost = sum(trial.cost for trial in trials)
    sizes = [label(trial.model, trial.share) for trial in trials]
    named = ", ".join(f"{sizes.count(size)} x {size}" for size in dict.fromkeys(sizes))
    what = f"{named}, {cost:.4g} {campaign.budget.unit}" if trials else f"nothing: {proposal.reason}"
    reasons = {trial.why for trial in trials if trial.why}
    why = f": {reasons.pop()}" if len(reasons) == 1 else ""
    print(f"{campaign.name}: {args.decision} proposes {what}{why}", flush=True)
    return 0
