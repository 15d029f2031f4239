"""What lies under a path is known by its content: what changes a model or a tokenizer is seen, and nothing else is."""

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admire.campaign import contents

TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}"


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


@pytest.fixture
def model(tmp_path):
    """A folder with what a model and its tokenizer are read from, and what lies beside them."""
    folder = tmp_path / "model"
    write(folder / "config.json", {"model_type": "llama", "rope_theta": 1, "transformers_version": "5.0"})
    write(folder / "generation_config.json", {"eos_token_id": 0})
    write(folder / "model.safetensors", "weights" * 300_000)
    write(folder / "tokenizer.json", {"model": {"vocab": {"a": 0, "b": 1}}})
    write(folder / "tokenizer_config.json", {"eos_token": "a", "chat_template": TEMPLATE, "name_or_path": "here"})
    write(folder / "special_tokens_map.json", {"eos_token": "a"})
    write(folder / "README.md", "a model")
    return folder


@pytest.fixture
def seen(model, tmp_path):
    """(weights, tokenizer, tokenizer without its template) of the model as it lies there."""
    (tmp_path / "results").mkdir()
    hashes = tmp_path / "results" / "hashes"
    path = str(model)
    return lambda: (
        contents.weights(path, hashes),
        contents.tokenizer(path, hashes),
        contents.tokenizer(path, hashes, own_template=False),
    )


def edited(path, **keys):
    write(path, json.loads(path.read_text()) | keys)


CHANGES = {
    "weights": (lambda folder: write(folder / "model.safetensors", "weighty" * 300_000), (True, False, False)),
    "a second shard": (lambda folder: write(folder / "model-2.safetensors", "w"), (True, False, False)),
    "how weights are read": (lambda folder: edited(folder / "config.json", rope_theta=2), (True, False, False)),
    "an adapter": (lambda folder: write(folder / "adapter_config.json", {"r": 8}), (True, False, False)),
    "the vocabulary": (
        lambda folder: edited(folder / "tokenizer.json", model={"vocab": {"b": 0}}),
        (False, True, True),
    ),
    "a special token": (lambda folder: edited(folder / "special_tokens_map.json", eos_token="b"), (False, True, True)),
    "a setting": (lambda folder: edited(folder / "tokenizer_config.json", eos_token="b"), (False, True, True)),
    "added tokens": (lambda folder: write(folder / "added_tokens.json", {"<|call|>": 2}), (False, True, True)),
    "merges": (lambda folder: write(folder / "merges.txt", "a b"), (False, True, True)),
    "a pieces model": (lambda folder: write(folder / "tokenizer.model", "pieces"), (False, True, True)),
    "the template": (lambda folder: edited(folder / "tokenizer_config.json", chat_template="x"), (False, True, False)),
    "the template's file": (lambda folder: write(folder / "chat_template.jinja", TEMPLATE), (False, True, False)),
    "another template": (
        lambda folder: write(folder / "additional_chat_templates/tools.jinja", TEMPLATE),
        (False, True, False),
    ),
    "who wrote it": (
        lambda folder: (
            edited(folder / "config.json", transformers_version="6.0", _name_or_path="there"),
            edited(folder / "tokenizer_config.json", name_or_path="there"),
        ),
        (False, False, False),
    ),
    "a readme": (lambda folder: write(folder / "README.md", "our model"), (False, False, False)),
    "pickled weights": (lambda folder: write(folder / "pytorch_model.bin", "p"), (False, False, False)),
    "a hidden folder": (lambda folder: write(folder / ".cache/model.safetensors", "p"), (False, False, False)),
    "times": (lambda folder: [os.utime(path, (9, 9)) for path in folder.iterdir()], (False, False, False)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_a_model_or_a_tokenizer_is_seen_and_nothing_else(model, seen, change):
    make, differs = CHANGES[change]
    before = seen()
    assert None not in before
    make(model)
    assert tuple(was != now for was, now in zip(before, seen(), strict=True)) == differs


def test_other_weights_of_the_same_size_and_time_are_seen(model, seen):
    """A copy over the file that brings its time along, as `cp -p` and rsync do."""
    before, file = seen(), model / "model.safetensors"
    times = file.stat()
    with file.open("r+") as stream:
        stream.write("W")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert file.stat().st_size == times.st_size and file.stat().st_mtime_ns == times.st_mtime_ns
    assert seen()[0] != before[0]


def test_the_same_files_elsewhere_are_the_same(model, seen, tmp_path):
    other = shutil.copytree(model, tmp_path / "elsewhere/copy")
    assert contents.weights(str(other), tmp_path / "none/hashes") == seen()[0]
    assert contents.tokenizer(str(other), tmp_path / "none/hashes") == seen()[1]
    assert not (tmp_path / "none").exists(), "nothing is written where there are no results"


def test_a_large_file_is_read_once(model, seen, tmp_path, monkeypatch):
    before = seen()
    assert len(list((tmp_path / "results/hashes").iterdir())) == 1

    def read_again(*_):
        raise AssertionError("read again")

    monkeypatch.setattr("hashlib.file_digest", read_again)
    assert seen() == before
    (model / "model.safetensors").touch()
    with pytest.raises(AssertionError, match="read again"):
        seen()


def test_a_broken_note_of_a_hash_is_taken_again(seen, tmp_path):
    before = seen()
    for note in (tmp_path / "results/hashes").iterdir():
        note.write_text("{")
    assert seen() == before


def test_names_on_the_hub_are_what_their_cached_snapshot_holds(model, seen, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    hashes, root = tmp_path / "results/hashes", tmp_path / "hub/models--me--mine"
    assert contents.weights("me/mine", hashes) is None
    shutil.copytree(model, root / "snapshots/abc")
    write(root / "refs/main", "abc")
    assert contents.weights("me/mine", hashes) == seen()[0]
    shutil.copytree(model, root / "snapshots/def")
    write(root / "snapshots/def/config.json", {"model_type": "qwen2"})
    assert contents.weights("me/mine", hashes) == seen()[0]
    write(root / "refs/main", "def\n")
    assert contents.weights("me/mine", hashes) not in (None, seen()[0])


def test_nothing_is_none(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    for path in ("empty", "file", "missing", "some/where/else"):
        path = str(tmp_path / path)
        assert contents.weights(path, tmp_path) is None and contents.tokenizer(path, tmp_path) is None
        assert contents.text_file(path) == (
            contents.text_file(str(tmp_path / "file")) if path.endswith("file") else None
        )


@given(settings=st.dictionaries(st.text(max_size=4), st.integers(), max_size=6), order=st.randoms())
def test_the_order_and_blanks_of_settings_do_not_matter(settings, order, tmp_path_factory):
    folder = tmp_path_factory.mktemp("settings")
    items = list(settings.items())
    write(folder / "model.safetensors", "w")
    write(folder / "config.json", dict(items))
    before = contents.weights(str(folder), folder)
    order.shuffle(items)
    (folder / "config.json").write_text(json.dumps(dict(items), indent=order.randint(0, 3)))
    assert contents.weights(str(folder), folder) == before
    edited(folder / "config.json", another=1)
    assert contents.weights(str(folder), folder) != before


def test_settings_that_are_no_json_count_by_their_bytes(model, seen):
    write(model / "config.json", "{")
    before = seen()
    Path(model / "config.json").write_text("{ ")
    assert seen()[0] != before[0]
