"""Which trained weights are still wanted. Scores outlive weights: a trial that is scored keeps its record for ever."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from admire.campaign.config import Campaign, load
from admire.campaign.layout import BASE, BENCHMARK, Layout, TrialLayout, standing
from admire.campaign.recipes import suite_digest
from admire.trials.files import read_json
from admire.trials.lease import Lease
from admire.trials.ledger import Ledger, Trial, proposals
from admire.trials.records import read_evaluation, read_training


@dataclass(frozen=True)
class Removable:
    """A folder that nothing wants any more, and its size."""

    path: Path
    bytes: int


def removable(results: Layout) -> Iterator[Removable]:
    """Models that no campaign wants, and checkpoints of trials that are finished.

    A campaign wants the weights of its trials until all its suites have scored them; those of its base models, its final
    trainings and its benchmark always. A trial that is being trained is left alone.

    Raises:
        ConfigError: if a campaign's own configuration cannot be read, because then nobody knows what it wants.
    """
    wanted = wanted_digests(results)
    for path in sorted(results.root.glob("trials/*/*/spec.json")):
        trial = TrialLayout(path.parent)
        if read_training(trial.train()) is None or Lease(trial.lease).holder() is not None:
            continue
        folders = [trial.checkpoints]
        if trial.folder.name not in wanted:
            folders += sorted(trial.folder.glob("share_*/model"))
        for folder in folders:
            if folder.is_dir():
                yield Removable(folder, sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()))


def wanted_digests(results: Layout) -> set[str]:
    """Digests of the trials whose weights a campaign still needs."""
    wanted: set[str] = set()
    for folder in sorted(path for path in results.root.glob("campaigns/*") if path.is_dir()):
        layout = results.campaign(folder.name)
        always = [layout.special(BASE), layout.special(BENCHMARK), *layout.finals()]
        if layout.config.is_file():
            campaign = load(layout.config).model_copy(update={"results": str(results.root)})
            for trial in Ledger.read(campaign).trials:
                if not _scored(campaign, results, trial):
                    wanted.add(trial.spec.digest)
                if trial.record is None and "dro" in trial.spec.decides:
                    wanted.add(trial.spec.decides["dro"]["reference"])
        else:
            always += proposals(layout)
        for path in map(standing, always):
            if path.is_file():
                wanted |= {entry["spec"]["digest"] for entry in read_json(path)["trials"]}
    return wanted


def _scored(campaign: Campaign, results: Layout, trial: Trial) -> bool:
    """Whether every suite has scored the trial, also those that no decision needs."""
    files = results.trial(trial.model, trial.spec.digest)
    paths = (files.evaluation(suite, suite_digest(campaign, suite)) for suite in campaign.evaluation)
    return all(read_evaluation(path) is not None for path in paths)
