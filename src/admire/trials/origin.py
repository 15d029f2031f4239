"""A trial's `spec.json`: a decision leaves a copy beside it that Snakemake does not know of, and a rule makes the declared file of
that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from admire.campaign.layout import Layout, TrialLayout, kept
from admire.errors import TrialError
from admire.trials.atomic_files import read_json, write_json
from admire.trials.decision_records import DecidedTrial, ProposalRecord, read_proposal
from admire.trials.identity import Spec


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


def keep_specs(proposal: ProposalRecord, layout: Layout, origin: Path) -> None:
    """Leave the specs of a decision, which is about to be written to `origin`, in the folders of its trials.

    The labels are those of the newest decision: places may have changed since an earlier one.
    """
    for entry in proposal.trials:
        write_json(kept(entry.files(layout).spec), entry.read_spec(origin).as_dict())


def copy_spec(trial: TrialLayout) -> Spec:
    """Write the trial's `spec.json` from what its decision left there.

    Raises:
        TrialError: if no proposal asked for this trial, or the copy was edited.
    """
    copy = kept(trial.spec)
    if copy.is_file():
        spec = Spec.from_dict(read_json(copy), copy)
        spec.check_places(trial)
        write_json(trial.spec, spec.as_dict())
        return spec
    # trials that an earlier version decided have no copy: their decision is looked for
    for path, entry in entries(trial):
        spec = entry.read_spec(path)
        write_json(trial.spec, spec.as_dict())
        return spec
    raise TrialError(f"{trial.folder}: no campaign's proposal asked for this trial; nothing was trained")
