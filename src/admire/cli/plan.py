"""What a campaign will cost: trials a size, cost, jobs, wall time, disk; what is spent, committed, reserved.

What a run would refuse is refused here too. It is the safe first look at a campaign file that is not yours: nothing in the file
is evaluated, while Snakemake runs code that stands in one with `__use_yte__: true` before it reads the workflow.

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
    from admire.health.check import findings
    from admire.loop.cost_plan import make_plan, render
    from admire.loop.freedom import freedom_notes
    from admire.preflight.check import check
    from admire.preflight.hub import still_to_fetch
    from admire.preflight.scoring import scoring_notes
    from admire.preflight.sources import rows_known

    origin = args.origin or " + ".join(args.campaign)
    check(campaign, origin, fetched=False)
    print(render(make_plan(campaign), args.concurrency, resolve_site(args), args.queue_minutes))
    if notes := freedom_notes(campaign, rows_known(campaign)) + scoring_notes(campaign):
        print("\n" + "\n".join(f"  {note}" for note in notes))
    for finding in findings(campaign):
        print(finding)
    if sentence := still_to_fetch(campaign, origin):
        print(f"\n{sentence}")
    return 0
