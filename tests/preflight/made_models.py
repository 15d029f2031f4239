"""Folders that look like models: whole to whoever reads no number of their weights."""

import json


def tensors(path, *names, cut=0):
    """A safetensors file with four numbers a tensor."""
    header = {
        name: {"dtype": "F32", "shape": [4], "data_offsets": [16 * i, 16 * i + 16]} for i, name in enumerate(names)
    }
    written = json.dumps(header).encode()
    whole = len(written).to_bytes(8, "little") + written + bytes(16 * len(names))
    path.write_bytes(whole[: len(whole) - cut])


def describe(folder, **keys):
    config = {"model_type": "llama", "max_position_embeddings": 64, "vocab_size": 300} | keys
    (folder / "config.json").write_text(json.dumps(config))


def vocabulary(folder, entries, added=()):
    """A tokenizer's file with so many entries, and numbers of added ones."""
    tokens = [{"id": number, "content": f"<{number}>"} for number in added]
    content = {"model": {"type": "BPE", "vocab": {f"t{i}": i for i in range(entries)}}, "added_tokens": tokens}
    (folder / "tokenizer.json").write_text(json.dumps(content))
