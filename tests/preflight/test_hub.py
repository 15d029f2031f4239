"""What a campaign takes from the hub, whether it is here, and fetching it; the hub is mocked where its libraries would ask it."""

import json
from fnmatch import fnmatch
from pathlib import Path

import pytest

from admire.campaign.loading import load
from admire.cli.main import main
from admire.errors import SourceError
from admire.preflight import columns, hub
from admire.preflight.columns import check_columns
from admire.preflight.prefetch import MODEL

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tulu(monkeypatch):
    monkeypatch.chdir(ROOT)
    return load("config/tulu.yaml")


@pytest.fixture
def caches(tmp_path, monkeypatch):
    """Empty caches of huggingface_hub and datasets."""
    import datasets

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    for looked_at in (columns._files, columns._values):
        looked_at.cache_clear()
    return tmp_path


def cached_model(caches, name, *files, shards=()):
    """The layout of the hub's cache with one revision."""
    root = caches / "hub" / f"models--{name.replace('/', '--')}"
    snapshot = root / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("abc")
    for file in files:
        (snapshot / file).write_text(json.dumps({"weight_map": dict(enumerate(shards))}))


def cached_dataset(caches, owner, name, subset="default"):
    folder = caches / "datasets" / f"{owner}___{name}" / subset / "0.0.0" / "abc"
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_text("{}")
    return folder


def test_needs_are_named_once_each(tulu):
    wanted = hub.needs(tulu)
    assert wanted.models == ("Qwen/Qwen2.5-0.5B", "Qwen/Qwen2.5-3B", "Qwen/Qwen2.5-7B")
    assert wanted.tokenizers == ()  # the first model's
    assert [source.dataset for source in wanted.datasets] == ["allenai/tulu-3-sft-mixture"]
    assert wanted.tasks["popqa"] == {("akariasai/PopQA", None)}
    assert len(wanted.tasks["minerva_math"]) == 7 and len(wanted.tasks) == 17


def test_what_needs_nothing_is_complete(monkeypatch):
    monkeypatch.chdir(ROOT)
    for name in ("laptop", "laptop-sft"):
        assert hub.still_to_fetch(load(f"config/{name}.yaml"), name) is None


def test_only_what_is_missing_is_named(tulu, caches):
    cached_model(caches, "Qwen/Qwen2.5-0.5B", "config.json", "model.safetensors", "tokenizer.json")
    shards = ("model-1.safetensors", "model-2.safetensors")
    index = "model.safetensors.index.json"
    cached_model(caches, "Qwen/Qwen2.5-3B", "config.json", "tokenizer.json", index, *shards, shards=shards)
    cached_model(caches, "Qwen/Qwen2.5-7B", "config.json", "tokenizer.json", index, shards[0], shards=shards)
    cached_dataset(caches, "allenai", "tulu-3-sft-mixture")
    cached_dataset(caches, "akariasai", "pop_qa")
    cached_dataset(caches, "cais", "mmlu", "all")
    models, tasks = hub.missing(hub.needs(tulu))
    assert models == "models Qwen/Qwen2.5-7B"
    assert "popqa" not in tasks and "mmlu_cot" not in tasks and "gsm8k_cot" in tasks


def test_columns_and_values_of_a_prepared_dataset_are_looked_at(tulu, caches):
    import pyarrow as pa

    folder = cached_dataset(caches, "allenai", "tulu-3-sft-mixture")
    table = pa.table({"messages": [[{"role": "user", "content": "x"}]], "source": ["ai2-adapt-dev/flan_v2_converted"]})
    with pa.OSFile(str(folder / "tulu-train.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    check_columns("flan", tulu.sources["flan_v2_converted"])
    with pytest.raises(SourceError, match=r"sources\.aya\.where: no row of allenai/tulu-3-sft-mixture has source: ai2"):
        check_columns("aya", tulu.sources["tulu_v3.9_aya_100k"])


def test_prefetch_fetches_and_says_what_is_here(monkeypatch, capsys, caches):
    import datasets
    import huggingface_hub

    asked = []

    def snapshot(name, allow_patterns):
        asked.append((name, allow_patterns))
        cached_model(caches, name, "config.json", "tokenizer.json", "model.safetensors")

    def load_dataset(path, subset, split, revision):
        asked.append((path, split))
        cached_dataset(caches, *path.split("/"))
        return range(12)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(ROOT)
    assert main(["prefetch", "config/pile.yaml"]) == 0
    names = [name for name, _ in asked]
    assert names == ["EleutherAI/gpt-neox-20b", "monology/pile-uncopyrighted"]
    assert "pile: everything is on this machine" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "model.pt", "modeling.py", "training_args.bin", "flax_model.msgpack"]
)
def test_no_pickle_and_no_code_is_asked_for(name):
    assert not any(fnmatch(name, pattern) for pattern in MODEL)


def test_prefetch_says_what_cannot_be_had(monkeypatch, capsys, caches):
    import huggingface_hub

    def gated(name, allow_patterns):
        raise OSError("Access to model is restricted.\nPlease log in.")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", gated)
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(ROOT)
    assert main(["prefetch", "config/pile.yaml"]) == 1
    said = capsys.readouterr().err
    assert (
        "gpt-neox-20b: cannot be fetched (Access to model is restricted. Please log in)" in said
        and said.count("\n") == 1
    )


def test_prefetch_refuses_to_work_offline(monkeypatch, capsys):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(ROOT)
    assert main(["prefetch", "config/pile.yaml"]) == 1
    assert "HF_HUB_OFFLINE is set" in capsys.readouterr().err
