"""A trial's identity: the only place that turns mixture, model and replicate into counts, digest and seed.

Two trials with equal digests are the same training. Labels (names of sources and models, places of files) are kept beside the
deciding part and do not enter the digest, so campaigns that would train the same thing share one trial.
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

# Raise this when a change to the code of mixing or training changes the outcome of a spec; every digest then changes.
RECIPE = 1
# Group DRO with DoReMi's constants (arXiv:2305.10429, section 2); `Dro` says what they are.
DRO = {"step_size": 1.0, "smoothing": 1e-3}


@dataclass(frozen=True)
class Dro:
    """The settings that make a training a proxy of DoReMi.

    Attributes:
        reference: digest of the trial whose model is the reference for the excess loss.
        step_size: step size of the exponentiated gradient.
        smoothing: fraction of the uniform distribution that is mixed into the weights at every step.
    """

    reference: str
    step_size: float
    smoothing: float


@dataclass(frozen=True)
class Spec:
    """The specification of one trial.

    Attributes:
        decides: everything that decides the outcome; its digest names the trial.
        labels: places of files, and the names that the user gave to things.
    """

    decides: dict[str, Any]
    labels: dict[str, Any]

    @property
    def digest(self) -> str:
        """The trial's digest, which names its folder."""
        return digest(self.decides)

    @property
    def model(self) -> str:
        """The name of the trial's model."""
        return self.labels["model"]

    @property
    def training(self) -> Training:
        """The training settings, the seed included.

        Raises:
            TrialError: if this version of ADMIRE does not know one of the keys or values.
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
        """Seed of initial weights, data subsets and their order."""
        return self.training.seed

    @property
    def threads(self) -> int | None:
        """Number of CPU threads per process, on which floating-point sums depend; None for a trial that trains on GPUs."""
        return self.decides.get("threads")

    @property
    def dro(self) -> Dro | None:
        """The settings of a DoReMi proxy; None for an ordinary training."""
        found = self.decides.get("dro")
        return None if found is None else Dro(**found)

    @property
    def rows(self) -> int:
        """Number of rows that one pass over the mixture draws."""
        return sum(source["rows"] for source in self.decides["sources"])

    @property
    def sources(self) -> list[dict[str, Any]]:
        """The sources with a positive count, each `{sha256, rows, name, folder}`, in the order in which they are concatenated."""
        labels = self.labels["sources"]
        return [{**source, **labels[source["sha256"]]} for source in self.decides["sources"]]

    def counts(self, names: tuple[str, ...]) -> np.ndarray:
        """K row counts of the named sources, int64; 0 for a source that is not drawn."""
        by_name = {source["name"]: source["rows"] for source in self.sources}
        return np.array([by_name.get(name, 0) for name in names], dtype=np.int64)

    def as_dict(self) -> dict[str, Any]:
        """The mapping that `spec.json` and proposals hold."""
        return {"digest": self.digest, "decides": self.decides, "labels": self.labels}

    @classmethod
    def from_dict(cls, raw: dict[str, Any], origin: str | Path) -> Spec:
        """Make a spec from the mapping that `as_dict` returns.

        Args:
            origin: the file that the mapping was read from, for messages.

        Raises:
            TrialError: if the digest does not match the content, which means that the file was edited.
        """
        spec = cls(raw["decides"], raw["labels"])
        if spec.digest != raw["digest"]:
            raise TrialError(
                f"{origin}: the content does not belong to the digest {raw['digest']}; it was edited: restore or remove it"
            )
        return spec

    @classmethod
    def load(cls, trial: TrialLayout) -> Spec:
        """Read a trial's `spec.json`.

        Raises:
            TrialError: if there is none, or if it was edited or copied from elsewhere.
        """
        if not trial.spec.is_file():
            raise TrialError(f"{trial.spec}: no such trial; its folder has no spec.json")
        spec = cls.from_dict(read_json(trial.spec), trial.spec)
        spec.check_places(trial)
        return spec

    def check_places(self, trial: TrialLayout) -> None:
        """Check that this spec belongs to the folder of `trial`, and that its labels lead to the things that its digest names.

        Raises:
            TrialError: if the spec was copied or edited, or if a label leads out of the results folder.
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
    """K numbers of training rows that the prepared sources hold, int64, in the order of the YAML."""
    return np.array([cards[name]["splits"]["train"]["rows"] for name in campaign.sources], dtype=np.int64)


def counts_of(campaign: Campaign, cards: dict[str, dict[str, Any]], model: Model, weights: np.ndarray) -> np.ndarray:
    """K numbers of rows that a trial of `model` draws from the sources for the mixture `weights` (shape K)."""
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
    """The spec of the trial that trains `model` on the mixture `weights`.

    Args:
        cards: source name -> content of its `card.json`.
        weights: K weights in the order of the YAML. They are rounded to exact counts within the limits of `mixture.max_epochs`.
        replicate: 0 for the trials of campaigns, 1, 2, ... for their repetitions and for benchmarks.
        base: the spec of the base model's trial, for models that start from one.
        reference: the spec of the trial whose model is the reference of a DoReMi proxy; None for ordinary trainings.

    Raises:
        TrialError: if the model starts from a base model and `base` is None.
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
    """The place of the tokenizer: a ready one's `path` as in the YAML, or the `folder` of a trained one under the results.

    A path comes with the sha256 of its content and `loaded_by`, if there is a tokenizer at that path.
    """
    path = ready_tokenizer(campaign)
    if path is None:
        return {"folder": str(layout.tokenizer(tokenizer_digest(campaign)).relative_to(layout.root))}
    content = contents.tokenizer(path, layout.hashes, own_template=campaign.tokenizer.chat_template is None)
    known = {"sha256": content, "loaded_by": loaded_by(path, layout.hashes)} if content else {}
    return {"path": path} | known
