"""Print what a campaign will cost: trials per size, cost, jobs, wall time and disk, and how its budget stands.

A campaign that a run would refuse is refused here too. This is the safe first look at a campaign file from somebody else: `admire
plan` executes nothing in the file, whereas Snakemake, before it reads the workflow, executes code in a file with
`__use_yte__: true`.

Every dry run of the workflow (`snakemake -n`) prints the same plan.
"""

from __future__ import annotations

import argparse

from admire.cli.campaigns import add_campaign, add_site, resolve, resolve_site


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the campaign, the cluster, and how many trainings run at the same time."""
    add_campaign(parser)
    add_site(parser)
    parser.add_argument("--origin", help="the name that messages give to a configuration from standard input")
    parser.add_argument("--queue-minutes", type=float, help="expected minutes that a job waits in the cluster's queue")
    parser.add_argument(
        "--concurrency", type=int, help="trainings that run at the same time (default: the campaign's lanes)"
    )


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
