"""The path of every file in the results folder. No other module joins such paths, and this one only formats them.

Arguments may be Snakemake wildcards (`"{model}"`), because the workflow makes its patterns with the same functions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

FINAL = "final"
BASE = "base"
BENCHMARK = "benchmark"


def kept(path: Path) -> Path:
    """The path of a file's undeclared copy, in `kept/` beside it, because Snakemake may delete the declared file."""
    return path.parent / "kept" / path.name


def standing(path: Path) -> Path:
    """The path of a file or, while the file is missing, of its kept copy."""
    return path if path.is_file() else kept(path)


@dataclass(frozen=True)
class TrialLayout:
    """The files of one trial, `results/trials/<model>/<digest>/`, and of its training to a fraction of the steps.

    Args:
        share: fraction of the training steps; 1 is the whole training.
    """

    folder: Path
    share: float | str = 1

    @property
    def results(self) -> Layout:
        """The results folder that this trial lies in."""
        return Layout(self.folder.parent.parent.parent)

    def at(self, share: float | str) -> TrialLayout:
        """The files of the same trial, trained to another fraction of its steps."""
        return replace(self, share=share)

    def begun(self) -> list[TrialLayout]:
        """The trainings of this trial that have left any files, the shortest first."""
        shares = (float(path.name.removeprefix("share_")) for path in self.folder.glob("share_*"))
        return [self.at(share) for share in sorted(shares)]

    @property
    def spec(self) -> Path:
        """The trial's spec, which decides the outcome."""
        return self.folder / "spec.json"

    @property
    def data(self) -> Path:
        """The manifest of the mixed data."""
        return self.folder / "data.json"

    @property
    def index(self) -> Path:
        """Row numbers in training order."""
        return self.folder / "index.npy"

    @property
    def lease(self) -> Path:
        """The lease of the process that trains this trial, to whatever fraction of its steps."""
        return self.folder / "lease.json"

    @property
    def stable_checkpoints(self) -> Path:
        """Checkpoints at the end of a shorter training's stable phase, from which longer trainings resume."""
        return self.folder / "trunk"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints of an unfinished training. They are undeclared, so that Snakemake keeps them after a failed attempt."""
        return self._running / "ckpt"

    @property
    def attempts(self) -> Path:
        """The attempts at the training, a file that is only appended to."""
        return self._running / "attempts.jsonl"

    @property
    def logs(self) -> Path:
        """Logs of the attempts."""
        return self._running / "logs"

    @property
    def outcome(self) -> Path:
        """The folder with the outcome of the training."""
        return self.folder / f"share_{1 if self.share == 1 else self.share}"

    def train(self) -> Path:
        """The training's record."""
        return self.outcome / "train.json"

    def model(self) -> Path:
        """The trained model weights; only `admire prune` removes them."""
        return self.outcome / "model"

    def curve(self) -> Path:
        """The loss of each training step."""
        return self.outcome / "curve.csv"

    def validation(self) -> Path:
        """The held-out losses that were measured during the training."""
        return self.outcome / "validation.csv"

    def evaluation(self, suite: str, digest8: str) -> Path:
        """The scores of one suite."""
        return self.outcome / "evaluate" / f"{suite}-{digest8}.json"

    def scorings(self, suite: str, digest8: str) -> Path:
        """The attempts at scoring one suite."""
        return self.outcome / "evaluate" / f"{suite}-{digest8}.attempts.jsonl"

    @property
    def _running(self) -> Path:
        """The folder with the files that an unfinished training needs; for the whole training, the trial's own folder."""
        return self.folder if self.share == 1 else self.outcome


@dataclass(frozen=True)
class CampaignLayout:
    """The files of one campaign, `results/campaigns/<name>/`."""

    folder: Path

    @property
    def config(self) -> Path:
        """The configuration as the last run merged it."""
        return self.folder / "campaign.yaml"

    @property
    def lock(self) -> Path:
        """The settings that decide outcomes, frozen at the first real run."""
        return self.folder / "lock.json"

    @property
    def running(self) -> Path:
        """The lease of the process that runs this campaign."""
        return self.folder / "running.json"

    @property
    def ledger_lock(self) -> Path:
        """The lock that is held while a decision is made or the table is written."""
        return self.folder / "ledger.lock"

    @property
    def imported(self) -> Path:
        """Trials from elsewhere that were imported as evidence."""
        return self.folder / "imported.csv"

    @property
    def table(self) -> Path:
        """The table of results, with one row per trial."""
        return self.folder / "results.csv"

    @property
    def recommendation(self) -> Path:
        """The recommended mixture, ready for another trainer."""
        return self.folder / "recommendation.yaml"

    @property
    def report(self) -> Path:
        """The report page."""
        return self.folder / "report.html"

    @property
    def figures(self) -> Path:
        """The report's pictures."""
        return self.folder / "figures"

    @property
    def logs(self) -> Path:
        """Logs of decisions."""
        return self.folder / "logs"

    def lane(self, step: int | str, lane: int | str) -> Path:
        """The folder of one decision; `step` is formatted with four digits if it is a number."""
        return (
            self.folder / f"step_{step:04d}" / f"lane_{lane}"
            if isinstance(step, int)
            else self.folder / f"step_{step}" / f"lane_{lane}"
        )

    def proposal(self, step: int | str, lane: int | str) -> Path:
        """A decision: the trials with their full specs."""
        return self.lane(step, lane) / "proposal.json"

    def update(self, step: int | str, lane: int | str) -> Path:
        """The refit after a decision's trials."""
        return self.lane(step, lane) / "update.json"

    def proposals(self) -> list[Path]:
        """The existing proposals of all lanes, in no particular order."""
        return self._made("step_*/lane_*", "proposal.json")

    def finals(self) -> list[Path]:
        """The existing final decisions, in no particular order."""
        return self._made(f"{FINAL}_*", "proposal.json")

    def updates(self) -> list[Path]:
        """The existing updates, in no particular order."""
        return self._made("step_*/lane_*", "update.json")

    def _made(self, folders: str, name: str) -> list[Path]:
        return [path for folder in self.folder.glob(folders) if standing(path := folder / name).is_file()]

    def special(self, kind: str) -> Path:
        """A decision outside the lanes; `kind` is `base`, `final_<step>` or `benchmark`."""
        return self.folder / kind / "proposal.json"


@dataclass(frozen=True)
class Layout:
    """The results folder."""

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root))

    def tokenizer(self, digest: str) -> Path:
        """A trained tokenizer's folder."""
        return self.root / "tokenizers" / digest

    def source(self, name: str, digest: str) -> Path:
        """A prepared source's folder: splits in Arrow and `card.json`."""
        return self.root / "sources" / name / digest

    def card(self, name: str, digest: str) -> Path:
        """A prepared source's card: rows, tokens, content sha256."""
        return self.source(name, digest) / "card.json"

    def trial(self, model: str, digest: str, share: float | str = 1) -> TrialLayout:
        """The files of one trial, trained to a fraction of its steps."""
        return TrialLayout(self.root / "trials" / model / digest, share)

    def campaign(self, name: str) -> CampaignLayout:
        """The files of one campaign."""
        return CampaignLayout(self.root / "campaigns" / name)

    @property
    def contents(self) -> Path:
        """The recorded content of paths that earlier versions used as identity."""
        return self.root / "contents.json"

    @property
    def hashes(self) -> Path:
        """The cached sha256 of large files that lie elsewhere."""
        return self.root / "hashes"

    def benchmark(self, name: str) -> Path:
        """The folder into which `snakemake benchmark` writes."""
        return self.root / "benchmarks" / name
