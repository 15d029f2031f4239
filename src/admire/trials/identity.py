"""A trial's identity: the only place that turns (mixture, model, replicate) into counts, digest and seed.

Two trials with equal digests are the same training. What is a label only (names of sources and models, where the files
lie) stands beside the deciding part and does not enter the digest, so campaigns that would train the same thing share it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from admire.campaign import contents
from admire.campaign.content_identity import weights_identity
from admire.campaign.json_hash import digest
from admire.campaign.layout import Layout, TrialLayout
from admire.campaign.loaded_by import loaded_by
from admire.campaign.recipes import ready_tokenizer, source_digests, tokenizer_digest
from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.models import Model
from admire.campaign.schema.training import Training
from admire.errors import TrialError
from admire.space.counts import exact_counts, row_limits
from admire.trials.atomic_files import read_json

# Raise when the code of mixing or training changes what a spec leads to; every digest changes with it.
RECIPE = 1
# group DRO as DoReMi does it (arXiv:2305.10429, section 2): step size of the exponentiated gradient, share of the uniform
DRO = {"step_size": 1.0, "smoothing": 1e-3}


@dataclass(frozen=True)
class Dro:
    """What decides the training of a DoReMi proxy.

    Attributes:
        reference: digest of the trial whose model it is trained against.
        step_size: of the exponentiated gradient.
        smoothing: share of the uniform distribution that is mixed in at every step.
    """

    reference: str
    step_size: float
    smoothing: float


@dataclass(frozen=True)
class Spec:
    """One trial.

    Attributes:
        decides: everything that decides the outcome; its digest is the trial's name.
        labels: where things are and what the user calls them.
    """

    decides: dict[str, Any]
    labels: dict[str, Any]

    @property
    def digest(self) -> str:
        """Names the trial's folder."""
        return digest(self.decides)

    @property
    def model(self) -> str:
        """The model's label."""
        return self.labels["model"]

    @property
    def training(self) -> Training:
        """How it is trained, its seed included.

        Raises:
            TrialError: if a key is not one of this version's.
        """
        try:
            return Training.model_validate(self.decides["training"])
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, ("training", *first["loc"])))
            raise TrialError(
                f"{self.model}/{self.digest}: {place} in its spec.json is not understood ({first['msg']}); train it with the "
                "version of ADMIRE that proposed it"
            ) from None

    @property
    def seed(self) -> int:
        """Seed of weights, data subsets and order."""
        return self.training.seed

    @property
    def threads(self) -> int | None:
        """CPU threads of each process, which decide sums on CPU; None for a trial that trains on GPUs."""
        return self.decides.get("threads")

    @property
    def dro(self) -> Dro | None:
        """What makes it a proxy of DoReMi; None for an ordinary training."""
        found = self.decides.get("dro")
        return None if found is None else Dro(**found)

    @property
    def rows(self) -> int:
        """Rows drawn in one pass."""
        return sum(source["rows"] for source in self.decides["sources"])

    @property
    def sources(self) -> list[dict[str, Any]]:
        """Sources with a positive count, in the order of concatenation: `{sha256, rows, name, folder}`."""
        labels = self.labels["sources"]
        return [{**source, **labels[source["sha256"]]} for source in self.decides["sources"]]

    def counts(self, names: tuple[str, ...]) -> np.ndarray:
        """Counts of the named sources (0 where a source is not drawn)."""
        by_name = {source["name"]: source["rows"] for source in self.sources}
        return np.array([by_name.get(name, 0) for name in names], dtype=np.int64)

    def as_dict(self) -> dict[str, Any]:
        """The form in `spec.json` and in proposals."""
        return {"digest": self.digest, "decides": self.decides, "labels": self.labels}

    @classmethod
    def from_dict(cls, raw: dict[str, Any], origin: str | Path) -> Spec:
        """Read the form that `as_dict` gives.

        Raises:
            TrialError: if the digest is not that of the content (the file was edited).
        """
        spec = cls(raw["decides"], raw["labels"])
        if spec.digest != raw["digest"]:
            raise TrialError(
                f"{origin}: the content does not belong to the digest {raw['digest']}; it was edited: restore or remove it"
            )
        return spec

    @classmethod
    def load(cls, trial: TrialLayout) -> Spec:
        """Read a trial's `spec.json`."""
        if not trial.spec.is_file():
            raise TrialError(f"{trial.spec}: no such trial; its folder has no spec.json")
        spec = cls.from_dict(read_json(trial.spec), trial.spec)
        spec.check_places(trial)
        return spec

    def check_places(self, trial: TrialLayout) -> None:
        """Refuse a spec that is not the one of its folder, or whose labels lead to other things than the digest stands for.

        Raises:
            TrialError: if it was copied or edited.
        """
        if self.digest != trial.folder.name:
            raise TrialError(f"{trial.spec}: is the trial {self.digest}, not that of its folder; remove the folder")
        decided = {"base": self.decides["model"].get("base"), "reference": self.decides.get("dro", {}).get("reference")}
        for label, digest_there in decided.items():
            if label in self.labels and Path(self.labels[label]).name != digest_there:
                raise TrialError(
                    f"{trial.spec}: labels.{label} leads to another trial than {digest_there}; remove the file"
                )
        inside = [source["folder"] for source in self.labels["sources"].values()]
        inside += [self.labels[label] for label in ("base", "reference") if label in self.labels]
        inside += [self.labels["tokenizer"]["folder"]] if "folder" in self.labels["tokenizer"] else []
        for place in inside:
            if Path(place).is_absolute() or ".." in Path(place).parts:
                raise TrialError(f"{trial.spec}: a label leads out of the results folder ({place}); remove the file")


def available_rows(campaign: Campaign, cards: dict[str, dict[str, Any]]) -> np.ndarray:
    """K training rows that the prepared sources hold, in the order of the YAML."""
    return np.array([cards[name]["splits"]["train"]["rows"] for name in campaign.sources], dtype=np.int64)


def counts_of(campaign: Campaign, cards: dict[str, dict[str, Any]], model: Model, weights: np.ndarray) -> np.ndarray:
    """K rows that a trial of `model` draws from each source for the mixture `weights` (K)."""
    limits = row_limits(available_rows(campaign, cards), campaign.mixture.max_epochs).astype(np.int64)
    return exact_counts(np.asarray(weights, dtype=float), campaign.rows(model), limits)


def make_spec(
    campaign: Campaign,
    cards: dict[str, dict[str, Any]],
    model: Model,
    weights: np.ndarray,
    replicate: int = 0,
    base: Spec | None = None,
    reference: Spec | None = None,
) -> Spec:
    """The trial of `model` on the mixture `weights`.

    Args:
        cards: source name -> its `card.json`.
        weights: K weights in the order of the YAML; they become exact counts within the epochs allowed.
        replicate: 0 in campaigns; repeats and benchmarks take 1, 2, ...
        base: the base model's own trial, for models that the workflow pre-trains.
        reference: the trial whose model a proxy of DoReMi is trained against; None for ordinary trainings.
    """
    counts = counts_of(campaign, cards, model, weights)
    training = campaign.training_of(model).model_dump()
    training["seed"] += replicate
    if training["kind"] == "pretrain":
        del training["loss_on"]
    layout = Layout(Path(campaign.results))
    decides: dict[str, Any] = {
        "recipe": RECIPE,
        "model": _origin(model, base, layout),
        "tokenizer": next(iter(cards.values()))["tokenizer_sha256"],
        "sources": [],
        "training": training,
        "replicate": replicate,
    }
    if model.resources.gpus == 0:
        decides["threads"] = model.resources.threads
    labels: dict[str, Any] = {
        "model": model.name,
        "campaign": campaign.name,
        "tokenizer": tokenizer_place(campaign, layout),
        "chat_template": campaign.tokenizer.chat_template,
        "sources": {},
    }
    if model.path is not None:
        labels["weights"] = model.path
    if base is not None:
        labels["base"] = str(layout.trial(base.model, base.digest).folder.relative_to(layout.root))
    if reference is not None:
        decides["dro"] = {"reference": reference.digest, **DRO}
        labels["reference"] = str(layout.trial(reference.model, reference.digest).folder.relative_to(layout.root))
    digests = source_digests(campaign)
    for name, count in zip(campaign.sources, counts, strict=True):
        if count:
            content = cards[name]["splits"]["train"]["sha256"]
            folder = layout.source(name, digests[name]).relative_to(layout.root)
            decides["sources"].append({"sha256": content, "rows": int(count)})
            labels["sources"][content] = {"name": name, "folder": str(folder)}
    decides["sources"].sort(key=lambda source: source["sha256"])
    return Spec(decides, labels)


def _origin(model: Model, base: Spec | None, layout: Layout) -> dict[str, Any]:
    if model.architecture is not None:
        return {"architecture": model.architecture}
    if model.path is not None:
        return weights_identity(model.path, layout)
    if base is None:
        raise TrialError(f"model {model.name} starts from a base model, but its trial was not given")
    return {"base": base.digest}


def tokenizer_place(campaign: Campaign, layout: Layout) -> dict[str, str]:
    """Either a path as the user gave it, with the sha256 of what it holds and `loaded_by`, or a folder under the results."""
    path = ready_tokenizer(campaign)
    if path is None:
        return {"folder": str(layout.tokenizer(tokenizer_digest(campaign)).relative_to(layout.root))}
    content = contents.tokenizer(path, layout.hashes, own_template=campaign.tokenizer.chat_template is None)
    known = {"sha256": content, "loaded_by": loaded_by(path, layout.hashes)} if content else {}
    return {"path": path} | known
