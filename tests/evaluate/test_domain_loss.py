"""Held-out loss against sums written out by hand."""

import math
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from admire.campaign.layout import Layout
from admire.campaign.recipes import source_digest
from admire.campaign.schema.evaluation import DomainLoss
from admire.distributed.ranks import Ranks
from admire.errors import SourceError
from admire.evaluate import domain_loss
from admire.evaluate.held_out import losses, ratio

SUITE = {"loss": {"kind": "domain-loss", "batch_size": 3}}


def bits(model, tokens):
    """-log2 p of every token but the first, alone in its batch, in double precision."""
    logits = model.double()(torch.tensor([tokens])).logits[0]
    chosen = logits.log_softmax(dim=-1)[torch.arange(len(tokens) - 1), tokens[1:]]
    return (-chosen / math.log(2)).tolist()


@pytest.fixture
def model(tiny_model):
    return AutoModelForCausalLM.from_pretrained(tiny_model).eval()


def loss(model, rows, batch_size):
    """Of one source."""
    return losses(model, {"rows": rows}, batch_size, Ranks())["rows"]


def windows(n, length, seed):
    rng = np.random.default_rng(seed)
    tokens = rng.integers(1, 257, (n, length)).tolist()
    return datasets.Dataset.from_dict({"input_ids": tokens, "bytes": rng.integers(20, 40, n).tolist()})


def test_bits_per_byte_are_the_sum_of_bits_over_the_sum_of_bytes(model):
    rows = windows(7, 16, seed=1)
    score = loss(model, rows, batch_size=3)
    by_row = np.array([sum(bits(model, tokens)) for tokens in rows["input_ids"]])
    assert score.value == pytest.approx(by_row.sum() / sum(rows["bytes"]), rel=1e-5)
    assert score.n == 7


def test_conversations_count_only_assistant_tokens_whatever_the_padding(model):
    rng = np.random.default_rng(2)
    tokens = [rng.integers(1, 257, length).tolist() for length in (5, 12, 9, 20)]
    masks = [[0, 0, 1, 1, 1], [0] * 8 + [1] * 4, [0] * 4 + [1] * 2 + [0] * 3, [0] * 10 + [1] * 10]
    rows = datasets.Dataset.from_dict({"input_ids": tokens, "assistant_masks": masks, "bytes": [1, 1, 1, 1]})
    score = loss(model, rows, batch_size=4)
    total = sum(b for row, mask in zip(tokens, masks) for b, counted in zip(bits(model, row), mask[1:]) if counted)
    assert score.value == pytest.approx(total / (3 + 4 + 2 + 10), rel=1e-5)


def test_the_batch_size_only_rounds_differently(model):
    rows = windows(7, 16, seed=3)
    assert loss(model, rows, 1).value == pytest.approx(loss(model, rows, 7).value, rel=1e-6)


def test_the_standard_error_is_the_scatter_of_repeated_samples():
    rng = np.random.default_rng(4)
    reported, values = [], []
    for _ in range(2000):
        denominator = rng.uniform(1, 3, 50)
        numerator = 2 * denominator + rng.normal(0, 0.5, 50)
        score = ratio(numerator, denominator)
        reported.append(score.stderr)
        values.append(score.value)
    assert np.mean(reported) == pytest.approx(np.std(values), rel=0.1)


def test_one_row_has_no_standard_error():
    assert ratio(np.array([2.0]), np.array([4.0])).stderr is None


def test_sources_are_read_from_the_campaigns_own_folders(tiny_model, model, make_campaign):
    spec = make_campaign(SUITE, "loss/a")
    parts = {}
    for seed, name in enumerate(spec.sources):
        for split in ("validation", "test"):
            rows = windows(4, 16, seed=10 * seed + len(split))
            rows.save_to_disk(str(Layout(Path(spec.results)).source(name, source_digest(spec, name)) / split))
            parts[name, split] = loss(model.float(), rows, 3).value
    for split in ("validation", "test"):
        scores = domain_loss.scores(spec, spec.evaluation["loss"], tiny_model, split)
        assert {name: score.value for name, score in scores.items()} == {
            name: parts[name, split] for name in spec.sources
        }
    chosen = DomainLoss(kind="domain-loss", sources=["b"])
    assert list(domain_loss.scores(spec, chosen, tiny_model, "test")) == ["b"]


def test_an_unprepared_source_is_refused_in_a_sentence(tiny_model, make_campaign):
    spec = make_campaign(SUITE, "loss/a")
    with pytest.raises(SourceError, match="not prepared"):
        domain_loss.scores(spec, spec.evaluation["loss"], tiny_model, "test")
