"""Where a campaign stands: trials by state, what runs now, failures with their reasons, spent and left.

Reads files only; it can run at any time, beside a running campaign.
"""

from __future__ import annotations

import argparse

from admire.cli.campaigns import add_campaign, resolve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The campaign."""
    add_campaign(parser)


def run(args: argparse.Namespace) -> int:
    """Print the standing."""
    campaign = resolve(args)
    from pathlib import Path

    from admire.campaign.course import lanes
    from admire.campaign.layout import Layout
    from admire.trials.lease import Lease
    from admire.trials.progress import measure, progress_line

    layout = Layout(Path(campaign.results))
    progress = measure(campaign)
    print(progress_line(campaign))
    controller = Lease(layout.campaign(campaign.name).running).holder()
    print(
        f"controller: process {controller['pid']} on {controller['host']}" if controller else "controller: not running"
    )
    print(f"\n{'size':<12}" + "".join(f"{state:>10}" for state in progress.trials))
    for model in campaign.models:
        counts = [sum(trial.model == model.name for trial in trials) for trials in progress.trials.values()]
        print(f"{model.name:<12}" + "".join(f"{count:>10}" for count in counts))
    for trial in progress.trials["running"]:
        holder = Lease(layout.trial(trial.model, trial.spec.digest).lease).holder()
        where = (
            f"process {holder['pid']} on {holder['host']}" if holder else "its process is gone; the next run resumes it"
        )
        print(f"running  {trial.model} {trial.spec.digest}: {where}")
    for trial in progress.trials["failed"]:
        reason = trial.record.reason if trial.record else None
        print(
            f"failed   {trial.model} {trial.spec.digest}: {reason}; to try it again: admire retry {trial.spec.digest}"
        )
    print()
    for lane in lanes(campaign):
        if lane.ended is not None:
            print(f"lane {lane.number}: ended after step {lane.updated}: {lane.ended}")
        elif lane.begun < 0:
            print(f"lane {lane.number}: not begun")
        else:
            print(f"lane {lane.number}: step {lane.begun} {'learnt' if lane.updated == lane.begun else 'under way'}")
    unit = campaign.budget.unit
    print(
        f"budget {progress.total:.4g} {unit}: spent {progress.spent:.4g}, committed {progress.committed:.4g}, "
        f"reserved {progress.reserved:.4g}, open {max(progress.total - progress.committed - progress.reserved, 0):.4g}"
    )
    return 0
