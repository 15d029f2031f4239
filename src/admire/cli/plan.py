"""What a campaign will cost: trials a size, cost, jobs, wall time, disk; what is spent, committed, reserved.

What a run would refuse is refused here too.

Every dry run of the workflow prints the same.
"""

from __future__ import annotations

import argparse

from admire.cli.campaigns import add_campaign, add_site, resolve, resolve_site


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The campaign, the cluster, and trainings side by side."""
    add_campaign(parser)
    add_site(parser)
    parser.add_argument("--origin", help="how messages name a configuration that comes from standard input")
    parser.add_argument("--queue-minutes", type=float, help="how long a job is expected to wait in the cluster's queue")
    parser.add_argument("--concurrency", type=int, help="trainings side by side (default: the campaign's lanes)")


def run(args: argparse.Namespace) -> int:
    """Print the plan."""
    campaign = resolve(args)
    from admire.preflight.check import check
    from admire.trials.plan import make_plan, render

    check(campaign, args.origin or " + ".join(args.campaign))

    print(render(make_plan(campaign), args.concurrency, resolve_site(args), args.queue_minutes))
    return 0
