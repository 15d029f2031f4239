"""Which decision asked for a trial: the proposals are the authority that `spec.json` is copied from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from admire.campaign.layout import TrialLayout
from admire.errors import TrialError
from admire.trials.decision_records import DecidedTrial, read_proposal
from admire.trials.files import write_json
from admire.trials.spec import Spec


def entries(trial: TrialLayout) -> Iterator[tuple[Path, DecidedTrial]]:
    """Every proposal (of any campaign) that asked for this trial, newest first, with its entry."""
    digest = trial.folder.name
    found = trial.results.root.glob("campaigns/*/**/proposal.json")
    for path in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True):
        # a proposal is some kilobytes of JSON: look for the digest before parsing it
        if digest in path.read_text(encoding="utf-8"):
            for entry in read_proposal(path).trials:
                if entry.digest == digest:
                    yield path, entry


def copy_spec(trial: TrialLayout) -> Spec:
    """Write the trial's `spec.json` from a proposal.

    Raises:
        TrialError: if no proposal asked for this trial.
    """
    for path, entry in entries(trial):
        spec = entry.read_spec(path)
        write_json(trial.spec, spec.as_dict())
        return spec
    raise TrialError(f"{trial.folder}: no campaign's proposal asked for this trial; nothing was trained")
