"""Orphans: Slurm jobs of this folder whose controller has died. They keep running, are waited for, or are cancelled."""

from __future__ import annotations

from collections.abc import Callable

from admire.trials import slurm_jobs

POLICIES = {"adopt": "keep running", "wait": "are waited for", "cancel": "are cancelled"}


def treat(orphans: list[slurm_jobs.Job], policy: str, say: Callable[[str], None]) -> None:
    """Say what happens to the orphans, and cancel them if that is the policy.

    Args:
        policy: one of `POLICIES`.
    """
    say(f"{len(orphans)} jobs without a controller {POLICIES[policy]}: {', '.join(job.id for job in orphans)}")
    if policy == "cancel":
        slurm_jobs.cancel(orphans)
