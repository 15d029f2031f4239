"""A trial's identity: what decides its outcome enters the digest, what is a label does not. The digests here are frozen:
a change of one means that every trial ever trained would be trained again."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from admire.campaign.layout import Layout
from admire.campaign.loading import parse
from admire.campaign.schema.campaign import Campaign
from admire.errors import TrialError
from admire.trials.atomic_files import write_json
from admire.trials.identity import Spec, make_spec

PRETRAIN: dict[str, Any] = {
    "name": "tiny",
    "sources": {"docs": {"corpus": "docs"}, "code": {"corpus": "stdlib-code"}, "tales": {"files": "tales/*.txt"}},
    "tokenizer": {"vocabulary": 512},
    "mixture": {"rows": 100},
    "models": [
        {"name": "S", "cost": 1, "architecture": {"model_type": "llama", "hidden_size": 16}},
        {
            "name": "L",
            "cost": 5,
            "target": True,
            "architecture": {"model_type": "llama", "hidden_size": 32},
            "rows": 150,
        },
    ],
    "training": {"sequence_length": 32, "batch_size": 4, "learning_rate": 1e-3},
    "evaluation": {"loss": {"kind": "domain-loss"}},
    "objective": {"loss/docs": -1},
    "budget": {"total": 20},
}
SFT: dict[str, Any] = PRETRAIN | {
    "tokenizer": {"path": "some/tokenizer"},
    "models": [{"name": "L", "cost": 5, "target": True, "path": "some/weights"}],
    "training": PRETRAIN["training"] | {"kind": "sft"},
}
CARDS = {
    name: {"tokenizer_sha256": "f" * 64, "splits": {"train": {"sha256": letter * 64, "rows": rows}}}
    for name, letter, rows in (("docs", "c", 90), ("code", "a", 500), ("tales", "b", 70))
}
WEIGHTS = np.array([0.5, 0.3, 0.2])


def campaign(raw: dict[str, Any] = PRETRAIN, **over: Any) -> Campaign:
    return parse(raw | over, "tiny.yaml")


def spec(
    declared: Campaign | None = None,
    cards: dict[str, Any] = CARDS,
    model: str = "S",
    weights: np.ndarray = WEIGHTS,
    replicate: int = 0,
) -> Spec:
    declared = declared or campaign()
    return make_spec(declared, cards, declared.model(model), weights, replicate)


def changed(raw: dict[str, Any], path: str, value: Any) -> Campaign:
    raw = copy.deepcopy(raw)
    here: Any = raw
    *parts, last = path.split(".")
    for part in parts:
        here = here[int(part)] if isinstance(here, list) else here.setdefault(part, {})
    here[last] = value
    return parse(raw, "tiny.yaml")


def test_golden_digests() -> None:
    assert spec().digest == "c236eb64edeb152d"
    assert spec(model="L", replicate=2).digest == "c03aa42ccef14195"
    assert spec(campaign(SFT), model="L").digest == "f3aa710d574fe1a7"


def test_what_a_spec_decides() -> None:
    made = spec()
    assert made.counts(("docs", "code", "tales")).tolist() == [50, 30, 20]
    assert (made.rows, made.seed, made.model) == (100, 0, "S")
    assert [source["name"] for source in made.sources] == ["code", "tales", "docs"], "in the order of their content"
    assert spec(model="L").rows == 150
    assert made.decides["threads"] == 1 and "loss_on" not in made.decides["training"]


def test_its_training_is_read_with_its_types() -> None:
    made = spec()
    assert (made.training.kind, made.training.seed, made.threads, made.dro) == ("pretrain", 0, 1, None)
    assert made.training.model_dump(exclude={"loss_on"}) == made.decides["training"]


def test_a_training_that_this_version_does_not_know_is_refused_by_its_key() -> None:
    made = copy.deepcopy(spec())
    made.decides["training"]["momentum"] = 0.9
    with pytest.raises(TrialError, match=r"S/[0-9a-f]{16}: training\.momentum in its spec\.json is not understood"):
        _ = made.training


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("training.batch_size", 8),
        ("training.learning_rate", 2e-3),
        ("training.schedule", "linear"),
        ("training.warmup_share", 0.1),
        ("training.weight_decay", 0.2),
        ("training.adam_beta2", 0.99),
        ("training.max_grad_norm", 2.0),
        ("training.epochs", 2),
        ("training.dtype", "bfloat16"),
        ("training.diverged_above", 10.0),
        ("training.seed", 1),
        ("training.sequence_length", 64),
        ("models.0.architecture", {"model_type": "llama", "hidden_size": 24}),
        ("models.0.training", {"learning_rate": 2e-3}),
        ("models.0.rows", 101),
        ("models.0.resources", {"threads": 2}),
        ("models.0.resources", {"gpus": 1}),
        ("mixture.rows", 101),
    ],
)
def test_what_decides_enters_the_digest(path: str, value: Any) -> None:
    assert spec(changed(PRETRAIN, path, value)).digest != spec().digest


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "other"),
        ("results", "elsewhere"),
        ("models.0.name", "Small"),
        ("models.0.cost", 2),
        ("models.0.resources", {"minutes": 5, "mem_gb": 8, "evaluation_processes": 4}),
        ("validation", {"times": 3}),
        ("budget.total", 30),
        ("budget.lanes", 4),
        ("optimizer.seed", 7),
        ("optimizer.method", "random"),
        ("mixture.prior", "uniform"),
        ("objective", {"loss/code": -1}),
        ("evaluation.more", {"kind": "domain-loss"}),
        ("training.loss_on", "all"),  # says nothing in pre-training
    ],
)
def test_labels_and_decisions_about_trials_do_not(path: str, value: Any) -> None:
    other = changed(PRETRAIN, path, value)
    assert spec(other, model=other.models[0].name).digest == spec().digest


def test_fine_tuning_is_decided_by_where_it_starts_and_what_counts() -> None:
    known = spec(campaign(SFT), model="L").digest
    assert spec(changed(SFT, "training.loss_on", "all"), model="L").digest != known
    assert spec(changed(SFT, "models.0.path", "other/weights"), model="L").digest != known


def test_a_source_is_known_by_its_content() -> None:
    renamed = {
        "papers": PRETRAIN["sources"]["docs"],
        "code": PRETRAIN["sources"]["code"],
        "tales": PRETRAIN["sources"]["tales"],
    }
    cards = {"papers": CARDS["docs"], "code": CARDS["code"], "tales": CARDS["tales"]}
    assert spec(campaign(sources=renamed, objective={"loss/code": -1}), cards).digest == spec().digest
    other = copy.deepcopy(CARDS)
    other["code"]["splits"]["train"]["sha256"] = "d" * 64
    assert spec(cards=other).digest != spec().digest
    other = copy.deepcopy(CARDS)
    for card in other.values():
        card["tokenizer_sha256"] = "e" * 64
    assert spec(cards=other).digest != spec().digest


def test_the_order_of_the_yaml_does_not_matter() -> None:
    turned = dict(reversed(PRETRAIN["sources"].items()))
    assert spec(campaign(sources=turned), weights=WEIGHTS[::-1]).digest == spec().digest


def test_weights_that_round_to_the_same_rows_are_the_same_trial() -> None:
    assert spec(weights=WEIGHTS + np.array([1e-3, -1e-3, 0])).digest == spec().digest
    assert spec(weights=WEIGHTS + np.array([2e-2, -2e-2, 0])).digest != spec().digest


def test_a_source_without_rows_does_not_enter() -> None:
    made = spec(weights=np.array([0.7, 0.3, 0.0]))
    assert [source["name"] for source in made.sources] == ["code", "docs"]
    assert made.counts(("docs", "code", "tales")).tolist() == [70, 30, 0]
    assert spec(weights=np.array([1.0, 0.0, 0.0])).counts(("docs", "code", "tales"))[0] == 90, "no more than there is"


def test_a_replicate_takes_the_next_seed() -> None:
    assert [spec(replicate=r).seed for r in (0, 1, 2)] == [0, 1, 2]
    assert len({spec(replicate=r).digest for r in (0, 1, 2)}) == 3


def test_read_as_written(tmp_path: Path) -> None:
    made = spec()
    trial = Layout(tmp_path).trial("S", made.digest)
    write_json(trial.spec, made.as_dict())
    assert Spec.load(trial) == made


@pytest.fixture
def edited(tmp_path: Path) -> Callable[[dict[str, Any]], Any]:
    def load(raw: dict[str, Any]) -> Spec:
        trial = Layout(tmp_path).trial("S", "edited")
        write_json(trial.spec, raw)
        return Spec.load(trial)

    return load


def test_an_edited_spec_is_refused(edited: Callable[[dict[str, Any]], Any], tmp_path: Path) -> None:
    raw = spec().as_dict()
    raw["decides"]["training"]["learning_rate"] = 1.0
    with pytest.raises(TrialError, match=r"spec\.json"):
        edited(raw)
    with pytest.raises(TrialError, match=r"spec\.json"):
        Spec.load(Layout(tmp_path).trial("S", "absent"))
