"""A campaign that never trained: its files are written through the public doors, its scores are made up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml

from admire.campaign.json_hash import digest
from admire.campaign.layout import CampaignLayout, Layout
from admire.campaign.loading import parse
from admire.campaign.recipes import source_digest, suite_digest
from admire.campaign.schema.campaign import Campaign
from admire.loop.evidence import prior_of, read_cards, space_of
from admire.trials.atomic_files import write_json, write_text
from admire.trials.identity import Spec, available_rows, make_spec
from admire.trials.ledger import Ledger, objective
from admire.trials.records import EvaluationRecord, Score, TrainRecord, publish

ROWS = {"docs": 600, "code": 4000, "unicode": 1500, "arithmetic": 2500, "strings": 2500, "stories": 2000}
TASTE = np.array([0.5, 0.25, 0.02, 0.05, 0.03, 0.15])  # the mixture that the made-up response likes best
LLAMA = {"model_type": "llama", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
RAW = {
    "name": "paper",
    "sources": {name: {"files": f"{name}/*.txt"} for name in ROWS},
    "tokenizer": {"vocabulary": 512},
    "mixture": {"rows": 2500},
    "models": [
        {"name": "S", "cost": 0.15, "architecture": LLAMA},
        {"name": "M", "cost": 0.6, "architecture": LLAMA | {"hidden_size": 16}},
        {"name": "L", "cost": 2.2, "architecture": LLAMA | {"hidden_size": 24}, "target": True},
    ],
    "training": {"sequence_length": 128, "batch_size": 16, "learning_rate": 0.003},
    "evaluation": {"loss": {"kind": "domain-loss"}},
    "objective": {"loss/docs": -2, "loss/code": -1, "loss/stories": -1},
    "optimizer": {"initial": 12},
    "budget": {"total": 20, "unit": "CPU-minutes", "lanes": 2},
}


@dataclass
class Invented:
    """Writes a campaign's files step by step."""

    campaign: Campaign
    steps: int = 0
    rng: np.random.Generator = None

    @property
    def files(self) -> CampaignLayout:
        return Layout(Path(self.campaign.results)).campaign(self.campaign.name)

    @property
    def cards(self) -> dict:
        return read_cards(self.campaign)

    def prepare(self) -> None:
        """The configuration that a run leaves, and a card a source."""
        self.rng = np.random.default_rng(7)
        write_text(
            self.files.config, yaml.safe_dump(self.campaign.model_dump(mode="json", exclude_none=True), sort_keys=False)
        )
        layout = Layout(Path(self.campaign.results))
        for name, rows in ROWS.items():
            splits = {
                split: {"rows": n, "sha256": digest([name, split])} for split, n in (("train", rows), ("test", 50))
            }
            card = {"name": name, "tokenizer_sha256": digest("tokenizer"), "splits": splits}
            write_json(layout.card(name, source_digest(self.campaign, name)), card)

    def mixture(self) -> np.ndarray:
        return space_of(self.campaign, available_rows(self.campaign, self.cards)).sample(1, self.rng)[0]

    def prior(self, kind: str = "prior") -> np.ndarray:
        available = available_rows(self.campaign, self.cards)
        return prior_of(self.campaign, space_of(self.campaign, available), available, kind)

    def spec(self, model: str, weights: np.ndarray, replicate: int = 0) -> Spec:
        return make_spec(self.campaign, self.cards, self.campaign.model(model), weights, replicate)

    def losses(self, spec: Spec, split: str) -> dict[str, Score]:
        """Bits per byte of each source: better with more of it, and with a larger model; seeds scatter."""
        weights = spec.counts(tuple(ROWS)) / spec.rows
        size = "SML".index(spec.model)
        noise = np.random.default_rng(int(spec.digest, 16)).normal(0, 0.02, len(ROWS))
        values = 2.6 - 0.25 * size - (0.9 - 0.05 * size) * np.sqrt(weights + 0.02) - 0.15 * np.sqrt(weights @ TASTE)
        values += noise + (0.03 if split == "test" else 0)
        return {name: Score(value=float(v), stderr=0.01, n=50) for name, v in zip(ROWS, values, strict=True)}

    def finish(self, spec: Spec, split: str = "validation") -> None:
        """What training and evaluation leave."""
        trial = Layout(Path(self.campaign.results)).trial(spec.model, spec.digest)
        seconds = {"S": 8.0, "M": 34.0, "L": 128.0}[spec.model]
        origin = {"host": "node1", "commit": "0123abcd", "versions": {"torch": "2.7.0", "transformers": "4.57.0"}}
        publish(trial.train(), TrainRecord(
            status="ok", digest=spec.digest, steps=157, planned_steps=157, tokens=320_000, loss=2.1, seconds=seconds,
            cpu_seconds=seconds + 6, tokens_per_second=320_000 / seconds, provenance=origin,
        ))  # fmt: skip
        d8 = suite_digest(self.campaign, "loss", split)
        scores = self.losses(spec, split)
        head = {"status": "ok", "suite": "loss", "split": split, "digest": spec.digest}
        publish(trial.evaluation("loss", d8), EvaluationRecord(**head, metrics=scores, seconds=3.0, cpu_seconds=7.0))

    def fail(self, spec: Spec, reason: str) -> None:
        trial = Layout(Path(self.campaign.results)).trial(spec.model, spec.digest)
        publish(
            trial.train(),
            TrainRecord(status="failed", digest=spec.digest, reason=reason, steps=40, seconds=2.0, attempts=2),
        )
        d8 = suite_digest(self.campaign, "loss")
        skipped = EvaluationRecord(
            status="skipped", suite="loss", split="validation", digest=spec.digest, reason="training failed"
        )
        publish(trial.evaluation("loss", d8), skipped)

    def decide(self, step: int, lane: int, specs: list[Spec]) -> None:
        self._propose(self.files.proposal(step, lane), specs, step=step, lane=lane, budget_left=1.0, pending=[])

    def decide_special(self, kind: str, specs: list[Spec], **extra: list[str]) -> None:
        self._propose(self.files.special(kind), specs, **extra)

    def _propose(self, path: Path, specs: list[Spec], mixtures: list[str] | None = None, **header: object) -> None:
        trials = [
            {"spec": spec.as_dict(), "cost": self.campaign.model(spec.model).cost, "why": "made up",
             "predicted": {"mean": -1.5, "sd": 0.1, "acquisition": 0.01}}
            for spec in specs
        ]  # fmt: skip
        for trial, mixture in zip(trials, mixtures or [], strict=False):
            trial["mixture"] = mixture
        head = {
            "campaign": self.campaign.name,
            "time": "2026-01-01T00:00:00Z",
            "method": "admire",
            "seed": 1,
            "seconds": 2.5,
        }
        write_json(path, head | {"reason": None, "trials": trials} | header)

    def update(
        self, step: int, lane: int, weights: np.ndarray, mean: float | None, accuracy: dict | None = None
    ) -> None:
        """What `admire update` would write; without `mean` as a method without a model does."""
        self.steps += 1
        ledger = Ledger.read(self.campaign)
        evidence = [trial.spec.digest for trial in ledger.trials if trial.state in ("done", "failed")]
        wide = 0.25 / np.sqrt(self.steps)

        def named(values: np.ndarray) -> dict[str, float]:
            return {name: float(w) for name, w in zip(ROWS, values, strict=True)}

        target = [t for t in ledger.trials if t.model == "L" and t.state == "done"]
        best = max(target, key=lambda t: objective(self.campaign, t.scores), default=None)
        recommendation = {
            "weights": named(weights), "mean": mean, "how": "posterior mean at the target; refined from 64 starts",
            "weights_low": None if mean is None else named(np.maximum(weights - wide / 2, 0)),
            "weights_high": None if mean is None else named(np.minimum(weights + wide / 2, 1)),
            "low": None if mean is None else mean - wide, "high": None if mean is None else mean + wide,
            "beats_prior": None if mean is None else 0.97, "is_best": None if mean is None else 0.6,
            "observed_is_best": None if mean is None else 0.3, "trust": None if mean is None else 0.8,
            "accuracy": accuracy or {}, "hyperparameters": {},
        }  # fmt: skip
        write_json(self.files.update(step, lane), {
            "campaign": self.campaign.name, "step": step, "lane": lane, "time": f"2026-01-01T00:{self.steps:02d}:00Z",
            "version": "0.1.0", "method": "admire", "proposed": 1, "reason": None,
            "evidence": evidence, "seen": len(evidence),
            "recommendation": recommendation, "budget": self.campaign.total, "spent": ledger.spent,
            "committed": ledger.committed, "reserved": 2.2, "gain_per_cost": None, "seconds": 3.5,
            "trials": {"done": len(evidence), "running": 0, "failed": 0},
            "observed_best": best and {"digest": best.spec.digest, "model": best.model, "weights": named(best.weights),
                                       "objective": objective(self.campaign, best.scores)},
        })  # fmt: skip


def invent(folder: Path) -> Invented:
    made = Invented(parse(RAW | {"results": str(folder / "results")}, "RAW"))
    made.prepare()
    return made


def initial_design(made: Invented) -> None:
    specs = [made.spec("S", made.mixture()) for _ in range(8)] + [made.spec("M", made.mixture()) for _ in range(4)]
    made.decide(0, 0, specs)
    for spec in specs[:-1]:
        made.finish(spec)
    made.fail(specs[-1], "the loss was not a number at step 40")


@pytest.fixture
def early(tmp_path) -> Invented:
    """The initial design is done, one trial of it failed; nothing at the target; the method makes no prediction."""
    made = invent(tmp_path)
    initial_design(made)
    made.update(0, 0, made.prior(), mean=None)
    return made


@pytest.fixture(scope="session")
def late(tmp_path_factory) -> Invented:
    """Some steps in two lanes, one trial still running, the final training and the benchmark done."""
    made = invent(tmp_path_factory.mktemp("late"))
    initial_design(made)
    uniform = np.full(len(ROWS), 1 / len(ROWS))
    made.update(0, 0, uniform, mean=-1.72)
    caps = space_of(made.campaign, available_rows(made.campaign, made.cards))
    for step in range(1, 4):
        for lane in range(2):
            spec = made.spec("ML"[(step + lane) % 2], caps.project(made.mixture() / 2 + TASTE / 2)[0])
            made.decide(step, lane, [spec])
            if (step, lane) != (3, 1):
                made.finish(spec)
                share = step / 3
                mean = -1.66 + 0.05 * step
                accuracy = {"r2": 0.81, "spearman": 0.9, "coverage90": 0.88, "n": 15}
                made.update(step, lane, caps.project(TASTE * share + uniform * (1 - share))[0], mean, accuracy)
    recommended = caps.project(TASTE)[0]
    final = made.spec("L", recommended)
    made.decide_special("final_0003", [final])
    made.finish(final)
    mixtures = {
        "recommended": recommended,
        "uniform": uniform,
        "natural": made.prior("natural"),
        "random": made.mixture(),
    }
    specs = [
        (name, made.spec("L", weights, replicate)) for name, weights in mixtures.items() for replicate in (1, 2, 3)
    ]
    made.decide_special("benchmark", [spec for _, spec in specs], mixtures=[name for name, _ in specs])
    for _, spec in specs:
        made.finish(spec, split="test")
    return made
