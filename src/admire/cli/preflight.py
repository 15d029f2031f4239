"""Refuse what cannot work before anything is spent: sources, caps, budget, method, tasks, models, the hub's data, the folder.

With --profile also what Slurm would never run: asked by sbatch --test-only for each kind of job. What it refuses for now
(a limit of submitted jobs is full, a partition is drained) is said and stops nothing: submissions wait for it.

What stops nothing and somebody should know before a run (a results folder that is open to others, a disk that is nearly full, a
node that breaks trainings) is said as `plan` and `status` say it.

What only reading all of a source can tell (a broken line of a JSONL file) ends its preparation instead.

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
    """The campaign, whether it begins, and on which cluster."""
    add_campaign(parser, default="config/laptop.yaml")
    add_site(parser)
    parser.add_argument("--from-a-job", action="store_true", help="submit one that looks whether nodes see the results")
    parser.add_argument("--waits", action="store_true", help="print only which jobs Slurm refuses for now")
    parser.add_argument("--origin", help="how messages name a configuration that comes from standard input")
    parser.add_argument("--unfetched", action="store_true", help="what `prefetch` brings may be missing still")
    parser.add_argument(
        "--again", action="store_true", help="open what an earlier run left without an outcome: a run starts"
    )
    parser.add_argument("--begin", action="store_true", help="freeze the campaign's settings: a real run starts")


def run(args: argparse.Namespace) -> int:
    """Check, and say that all is well."""
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
    """What an earlier run left without an outcome is open again, unless another one is at work."""
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
    from admire.preflight.slurm_jobs import check_shared, check_slurm

    said = check_slurm(campaign, origin, where)
    if args.from_a_job:
        check_shared(campaign, origin, where)
    return [answer.words for answer in said if answer.waits or not args.waits]
