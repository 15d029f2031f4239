"""A model is loaded whole or refused: what its file lacks would be random numbers."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

from admire.errors import TrialError
from admire.evaluate.loading import load_whole

SIZES = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 16}


def saved(folder, change=lambda tensors: tensors, tied=False):
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**SIZES, tie_word_embeddings=tied))
    model.save_pretrained(folder)
    save_file(change(load_file(folder / "model.safetensors")), folder / "model.safetensors", metadata={"format": "pt"})
    return model


@pytest.mark.parametrize("tied", [False, True])
def test_whole_weights_and_tied_ones_are_what_was_saved(tmp_path, tied, recwarn):
    model = saved(tmp_path, tied=tied)
    loaded = load_whole(tmp_path, "fix it").state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in model.state_dict().items())
    assert not [warning for warning in recwarn if "not used" in str(warning.message)]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda found: {k: v for k, v in found.items() if "layers.1.mlp" not in k}, "lack 3 of the architecture's"),
        (lambda found: {k: v for k, v in found.items() if k != "lm_head.weight"}, r"lack 1 .*\(lm_head.weight\)"),
        (lambda found: {k: v for k, v in found.items() if k != "model.norm.weight"}, r"lack 1 .*\(model.norm.weight\)"),
        (lambda found: {f"base.{k}": v for k, v in found.items()}, "lack 21 .* and hold 21 that it does not have"),
        (
            lambda found: {k: v[:4].contiguous() if "0.mlp.up" in k else v for k, v in found.items()},
            r"hold 1 in another shape than config.json says \(model.layers.0.mlp.up_proj.weight\)",
        ),
    ],
)
def test_weights_that_are_not_whole_are_refused_in_one_sentence(tmp_path, change, sentence):
    saved(tmp_path, change)
    with pytest.raises(TrialError, match=sentence) as refused:
        load_whole(tmp_path, "fix it")
    assert str(refused.value).startswith(f"{tmp_path}: these weights") and str(refused.value).endswith(": fix it")


def test_tensors_that_are_not_used_are_counted(tmp_path):
    saved(tmp_path, lambda found: found | {"model.layers.2.mlp.up_proj.weight": torch.zeros(8, 8)})
    with pytest.warns(UserWarning, match="1 tensors of these weights are not used"):
        load_whole(tmp_path, "fix it")
