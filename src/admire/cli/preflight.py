"""Check a campaign before anything is spent: sources, budget, method, tasks, models, downloads, results folder.

The first thing that cannot work is refused in one sentence.

With --profile, `sbatch --test-only` also tests one job of each kind, and a job that Slurm would never run is refused. If Slurm
refuses a job only for now (a limit on submitted jobs is reached, a partition is drained), that is printed and stops nothing,
because submissions wait until it passes.

Troubles that stop nothing but that you should know before a run (a results folder that others may write to, a disk that is nearly
full, a node on which trainings break) are printed as `plan` and `status` print them.

Faults that are found only by reading a whole source (a broken line of a JSONL file) are not found here; they end the
preparation of that source.

With --begin the campaign's settings are frozen (lock.json) and the merged configuration is written; the workflow does
that when a real run starts.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from admire.cli.campaigns import add_campaign, add_site, resolve, resolve_site

if TYPE_CHECKING:
    from admire.campaign.schema.campaign import Campaign


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the campaign, the cluster, and what to do besides the checks."""
    add_campaign(parser, default="config/laptop.yaml")
    add_site(parser)
    parser.add_argument(
        "--from-a-job",
        action="store_true",
        help="with --profile: also submit a short job that checks whether the nodes see the results folder and this Python",
    )
    parser.add_argument(
        "--waits", action="store_true", help="with --profile: print only the jobs that Slurm refuses for now"
    )
    parser.add_argument("--origin", help="the name that messages give to a configuration from standard input")
    parser.add_argument(
        "--unfetched", action="store_true", help="accept that files which `admire prefetch` downloads are still missing"
    )
    parser.add_argument(
        "--again",
        action="store_true",
        help="let the next run train or score the trials that an earlier run left without an outcome; the workflow passes this",
    )
    parser.add_argument(
        "--begin",
        action="store_true",
        help="freeze the campaign's settings; the workflow passes this when a real run starts",
    )


def run(args: argparse.Namespace) -> int:
    """Check, and print what was found, or that nothing stands in the way."""
    campaign = resolve(args)
    from admire.health.check import findings
    from admire.preflight.check import begin, check

    origin = args.origin or " + ".join(args.campaign)
    check(campaign, origin, fetched=not args.unfetched)
    if args.again:
        _again(campaign)
    for line in _ask_slurm(campaign, origin, args):
        print(line)
    if args.begin:
        for line in begin(campaign):
            print(line)
    if not args.waits:
        for finding in findings(campaign):
            print(finding)
    if not (args.begin or args.waits):
        print(f"{campaign.name}: nothing stands in the way")
    return 0


def _again(campaign: Campaign) -> None:
    """Release the trials that an earlier run left without an outcome, unless a controller is running now."""
    from pathlib import Path

    from admire.campaign.layout import Layout
    from admire.trials.lease import Lease
    from admire.trials.waiting import release_all

    layout = Layout(Path(campaign.results))
    if Lease(layout.campaign(campaign.name).running).holder() is None:
        release_all(layout)


def _ask_slurm(campaign: Campaign, origin: str, args: argparse.Namespace) -> list[str]:
    where = resolve_site(args)
    if where is None:
        return []
    from admire.preflight.slurm_answers import check_shared, check_slurm

    said = check_slurm(campaign, origin, where)
    if args.from_a_job:
        check_shared(campaign, origin, where)
    return [answer.words for answer in said if answer.waits or not args.waits]
