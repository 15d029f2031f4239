"""What a campaign will cost: trials a size, cost, jobs, wall time, disk; what is spent, committed, reserved.

What a run would refuse is refused here too.

Every dry run of the workflow prints the same.
"""

from __future__ import annotations

import argparse

from admire.cli.campaigns import add_campaign, resolve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The campaign, and trainings side by side."""
    add_campaign(parser)
    parser.add_argument("--origin", help="how messages name a configuration that comes from standard input")
    parser.add_argument("--concurrency", type=int, help="trainings side by side (default: the campaign's lanes)")


def run(args: argparse.Namespace) -> int:
    """Print the plan."""
    campaign = resolve(args)
    from admire.preflight.check import check
    from admire.trials.plan import make_plan, render

    check(campaign, args.origin or " + ".join(args.campaign))

    print(render(make_plan(campaign), args.concurrency))
    return 0
