"""Print the state of a campaign: trials by state, running trainings, failures with reasons, Slurm jobs, budget.

This changes nothing, so it can be run at any time, also while the campaign is running. Slurm jobs are listed if the current
folder is the one in which the workflow runs.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from admire.cli.campaigns import add_campaign, resolve

if TYPE_CHECKING:
    from admire.campaign.schema.campaign import Campaign
    from admire.trials.lease import Lease


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the campaign, and whether only to check it."""
    add_campaign(parser)
    parser.add_argument(
        "--check",
        action="store_true",
        help="print nothing if all is well; print one sentence and exit with code 1 if trials were left without an "
        "outcome (say after a full disk) or if every trial of a size failed",
    )


def run(args: argparse.Namespace) -> int:
    """Print the state; with `--check` only check it.

    Raises:
        TrialError: with `--check`, for trials without an outcome or a size of which every trial failed.
    """
    campaign = resolve(args)
    if args.check:
        _check(campaign)
        return 0
    from pathlib import Path

    from admire.campaign.fidelity import fidelities
    from admire.campaign.layout import Layout
    from admire.health.check import findings
    from admire.loop.lane_state import lanes
    from admire.loop.progress import measure, progress_line
    from admire.trials.lease import Lease

    layout = Layout(Path(campaign.results))
    progress = measure(campaign)
    print(progress_line(campaign))
    running = Lease(layout.campaign(campaign.name).running)
    controller = running.holder()
    print(
        f"controller: process {controller['pid']} on {controller['host']}{_silence(running)}"
        if controller
        else "controller: not running"
    )
    print(f"\n{'size':<12}" + "".join(f"{state:>10}" for state in progress.trials))
    for name in [fidelity.name for fidelity in fidelities(campaign)]:
        counts = [sum(trial.fidelity == name for trial in trials) for trials in progress.trials.values()]
        print(f"{name:<12}" + "".join(f"{count:>10}" for count in counts))
    for trial in progress.trials["running"]:
        lease = Lease(trial.files(campaign.results).lease)
        print(f"running  {trial.fidelity} {trial.spec.digest}: {_where(lease.holder())}{_silence(lease)}")
    for finding in findings(campaign):
        print(finding)
    _print_jobs(controller is not None)
    print()
    for lane in lanes(campaign):
        if lane.ended is not None:
            print(f"lane {lane.number}: ended after step {lane.updated}: {lane.ended}")
        elif lane.begun < 0:
            print(f"lane {lane.number}: not begun")
        else:
            print(f"lane {lane.number}: step {lane.begun} {'learnt' if lane.updated == lane.begun else 'under way'}")
    unit, budget = campaign.budget.unit, progress.budget
    print(
        f"budget {budget.total:.4g} {unit}: spent {budget.spent:.4g}, committed {budget.committed:.4g}, "
        f"reserved {budget.reserved:.4g}, open {budget.open:.4g}"
    )
    return 0


def _check(campaign: Campaign) -> None:
    from admire.errors import TrialError
    from admire.trials.breaker import never_trained
    from admire.trials.ledger import Ledger
    from admire.trials.waiting import waiting

    ledger = Ledger.read(campaign)
    if left := waiting(ledger):
        trials = f"{len(left)} trials" if len(left) > 1 else "a trial"
        raise TrialError(f"campaign '{campaign.name}': {trials} left without an outcome ({left[0][1]})")
    if said := never_trained(ledger):
        raise TrialError(
            f"campaign '{campaign.name}': {'; '.join(said)}; `admire status {campaign.name}` says what helps"
        )


def _silence(lease: Lease) -> str:
    """A warning that a lease's holder may be gone, if the lease was not renewed in time; a single look cannot say more."""
    from admire.loop.progress import duration
    from admire.trials.lease import BEATS, PERIOD

    if lease.holder() is None or lease.age < PERIOD * BEATS:
        return ""
    return f", its last sign of life {duration(lease.age)} ago by this machine's clock: it may be gone"


def _where(holder: dict[str, Any] | None) -> str:
    if holder is None:
        return "its process is gone; the next run resumes it"
    job = f", Slurm job {holder['job']}" if holder["job"] else ""
    return f"process {holder['pid']} on {holder['host']}{job}"


def _print_jobs(controlled: bool) -> None:
    """Print the workflow's jobs in Slurm, and the reasons for which pending ones wait."""
    from pathlib import Path

    from admire.trials import slurm_jobs

    jobs = slurm_jobs.jobs(Path.cwd())
    if jobs is None:
        if slurm_jobs.present() and slurm_jobs.used(Path.cwd()):
            print("Slurm does not answer")
        return
    for job in jobs:
        waits = f" ({job.why})" if job.state == "PENDING" else ""
        print(f"job      {job.id}: {job.state.lower()}{waits} in {job.partition}, {job.elapsed}")
    if jobs and not controlled:
        print(
            "No controller watches these jobs. They finish by themselves; the same command, or admire supervise, continues."
        )
