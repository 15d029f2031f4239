"""A trial's `spec.json`: a decision leaves a copy that Snakemake does not know, from which a rule writes the declared file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from admire.campaign.layout import Layout, TrialLayout, kept
from admire.errors import TrialError
from admire.trials.atomic_files import read_json, read_text, write_json
from admire.trials.decision_records import DecidedTrial, ProposalRecord, read_proposal
from admire.trials.identity import Spec


def entries(trial: TrialLayout) -> Iterator[tuple[Path, DecidedTrial]]:
    """The proposals of all campaigns that contain this trial, newest first, each with its entry for the trial."""
    digest = trial.folder.name
    found = trial.results.root.glob("campaigns/*/**/proposal.json")
    for path in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True):
        # Searching the text for the digest first saves parsing kilobytes of JSON per proposal.
        if digest in read_text(path):
            for entry in read_proposal(path).trials:
                if entry.digest == digest:
                    yield path, entry


def keep_specs(proposal: ProposalRecord, layout: Layout, origin: Path) -> None:
    """Write the specs of a decision's trials into the kept copies in their folders, before the decision is written to `origin`.

    Copies of earlier decisions are replaced, because places that the labels name may have changed.
    """
    for entry in proposal.trials:
        write_json(kept(entry.files(layout).spec), entry.read_spec(origin).as_dict())


def copy_spec(trial: TrialLayout) -> Spec:
    """Write the trial's `spec.json` from the copy that its decision left in the trial's folder.

    Raises:
        TrialError: if no proposal contains this trial, or if the copy was edited.
    """
    copy = kept(trial.spec)
    if copy.is_file():
        spec = Spec.from_dict(read_json(copy), copy)
        spec.check_places(trial)
        write_json(trial.spec, spec.as_dict())
        return spec
    # Trials that an earlier version decided have no copy, so their decision is searched for.
    for path, entry in entries(trial):
        spec = entry.read_spec(path)
        write_json(trial.spec, spec.as_dict())
        return spec
    raise TrialError(f"{trial.folder}: no campaign's proposal contains this trial; nothing was trained")
