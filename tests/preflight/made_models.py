"""Folders that look like models: whole to whoever reads no number of their weights."""

import json
import math

TINY = {"hidden_size": 4, "intermediate_size": 4, "num_hidden_layers": 2, "num_attention_heads": 1}
NUMBERS = 4  # bytes of one


def tensors(path, *names, cut=0):
    """A safetensors file with four numbers a tensor."""
    header = {
        name: {"dtype": "F32", "shape": [4], "data_offsets": [16 * i, 16 * i + 16]} for i, name in enumerate(names)
    }
    written = json.dumps(header).encode()
    whole = len(written).to_bytes(8, "little") + written + bytes(16 * len(names))
    path.write_bytes(whole[: len(whole) - cut])


def whole(folder, change=dict):
    """All tensors of the model that the folder describes; `change` makes other names and shapes of them."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    shapes = change({name: list(tensor.shape) for name, tensor in model.state_dict().items()})
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes.items():
        size = NUMBERS * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    written = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(len(written).to_bytes(8, "little") + written + bytes(end))


def describe(folder, **keys):
    config = {"model_type": "llama", "max_position_embeddings": 64, "vocab_size": 300} | TINY | keys
    (folder / "config.json").write_text(json.dumps(config))


def vocabulary(folder, entries, added=()):
    """A tokenizer's file with so many entries, and numbers of added ones."""
    tokens = [{"id": number, "content": f"<{number}>"} for number in added]
    content = {"model": {"type": "BPE", "vocab": {f"t{i}": i for i in range(entries)}}, "added_tokens": tokens}
    (folder / "tokenizer.json").write_text(json.dumps(content))
