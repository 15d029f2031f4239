"""Tokenizers: trained the same way each time, on training documents, known by their content."""

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
from small_campaign import CHAT, campaign, texts, write_jsonl

from admire.campaign.layout import Layout
from admire.campaign.schema.sources import HeldOut
from admire.data.splits import split_of
from admire.data.tokenizers import load_tokenizer, tokenizer_sha256, train_tokenizer
from admire.errors import ConfigError
from admire.trials.identity import tokenizer_place


def two_sources(folder, rows):
    return {name: {"files": write_jsonl(folder / f"{name}.jsonl", [{"text": text} for text in rows])} for name in "ab"}


def files_of(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in Path(folder).iterdir()}


def test_training_twice_gives_the_same_files(tmp_path):
    sources = two_sources(tmp_path, texts())
    one, other = (train_tokenizer(campaign(tmp_path / results, sources)) for results in ("one", "two"))
    assert one.name == other.name
    assert files_of(one) == files_of(other)


def test_a_trained_tokenizer_is_kept_as_it_is(tmp_path):
    wanted = campaign(tmp_path, two_sources(tmp_path, texts()))
    folder = train_tokenizer(wanted)
    os.utime(folder / "tokenizer.json", (1, 1))  # nothing that is written now has this time
    assert train_tokenizer(wanted) == folder
    assert (folder / "tokenizer.json").stat().st_mtime == 1


def test_held_out_documents_do_not_shape_it(tmp_path):
    shares = HeldOut(validation=0.2, test=0.2)
    rows = texts()
    changed = [text if split_of(text, shares) == "train" else "zq" * 500 for text in rows]
    assert split_of("zq" * 500, shares) != "train"
    one, other = (
        train_tokenizer(campaign(tmp_path / name, two_sources(tmp_path / name, some)))
        for name, some in (("one", rows), ("two", changed))
    )
    assert (one / "tokenizer.json").read_bytes() == (other / "tokenizer.json").read_bytes()


def test_text_survives_and_specials_are_there(tokenizer_path):
    tokenizer = load_tokenizer({"path": tokenizer_path}, Path("results"))
    assert 261 < len(tokenizer) <= 400
    for text in [*texts(5), "  tabs\tand\nlines  ", "😀 never seen: žluťoučký"]:
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    for special in ("<|user|>", "<|assistant|>", "<|system|>", "<|end|>"):
        assert len(tokenizer(special)["input_ids"]) == 1
    assert tokenizer.eos_token == tokenizer.pad_token == "<|endoftext|>"


def test_the_digest_follows_content_not_place(tokenizer_path, tmp_path):
    folder = Path(tokenizer_path)
    by_path = load_tokenizer({"path": tokenizer_path}, tmp_path)
    by_folder = load_tokenizer({"folder": folder.name}, folder.parent)
    assert tokenizer_sha256(by_path) == tokenizer_sha256(by_folder)
    by_path(texts(3), padding=True, truncation=True, max_length=8)  # calls leave no trace
    assert tokenizer_sha256(by_path) == tokenizer_sha256(by_folder)
    assert tokenizer_sha256(load_tokenizer({"path": tokenizer_path}, tmp_path, CHAT)) != tokenizer_sha256(by_path)


def test_the_chat_template_marks_what_the_assistant_says(tokenizer_path):
    tokenizer = load_tokenizer({"path": tokenizer_path}, Path("results"), CHAT)
    talk = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Good day."},
    ]
    encoded = tokenizer.apply_chat_template(talk, return_assistant_tokens_mask=True)
    said = [token for token, mask in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True) if mask]
    assert tokenizer.decode(said) == "Good day.<|end|>"
    prompt = tokenizer.apply_chat_template(talk[:2], add_generation_prompt=True)["input_ids"]
    assert encoded["input_ids"][: len(prompt)] == prompt


def test_mistakes_are_refused_in_a_sentence(tmp_path, tokenizer_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    small = campaign(tmp_path, two_sources(tmp_path, texts()), tokenizer={"vocabulary": 100})
    with pytest.raises(ConfigError, match=r"tokenizer\.vocabulary: 100 is too small, byte-level BPE needs 261"):
        train_tokenizer(small)
    with pytest.raises(ConfigError, match=r"nowhere: the tokenizer cannot be loaded .*tokenizer\.path"):
        load_tokenizer({"path": str(tmp_path / "nowhere")}, tmp_path)
    with pytest.raises(ConfigError, match=r"run the workflow, which trains it"):
        load_tokenizer({"folder": "tokenizers/none"}, tmp_path)
    with pytest.raises(ConfigError, match=r"none\.jinja: the chat template cannot be read .*tokenizer\.chat_template"):
        load_tokenizer({"path": tokenizer_path}, tmp_path, str(tmp_path / "none.jinja"))


def test_a_ready_tokenizer_is_not_trained(tmp_path, tokenizer_path):
    ready = campaign(tmp_path, two_sources(tmp_path, texts()), tokenizer={"path": tokenizer_path})
    assert train_tokenizer(ready) is None


def test_it_is_saved_as_any_hugging_face_tokenizer(tokenizer_path):
    rules = json.loads((Path(tokenizer_path) / "tokenizer.json").read_text(encoding="utf-8"))
    assert rules["model"]["type"] == "BPE"
    assert (Path(tokenizer_path) / "tokenizer_config.json").is_file()


@pytest.mark.parametrize(
    ("settings", "loads"),
    [
        ({"tokenizer_class": "Mine", "auto_map": {"AutoTokenizer": ["mine.Mine", None]}}, False),
        ({"tokenizer_class": "Mine", "auto_map": {"AutoTokenizer": [None, "mine.Mine"]}}, False),
        ({"tokenizer_class": "PreTrainedTokenizerFast", "auto_map": {"AutoTokenizer": ["mine.Mine", None]}}, True),
        ({"auto_map": {"AutoTokenizer": "mine.Mine"}}, None),
    ],
)
def test_code_that_comes_with_a_tokenizer_is_not_run_and_nothing_asks(
    settings, loads, tokenizer_path, tmp_path, monkeypatch
):
    folder = tmp_path / "theirs"
    shutil.copytree(tokenizer_path, folder)
    told = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**told, **settings}))
    marker = tmp_path / "ran"
    code = "from transformers import PreTrainedTokenizerFast\n\n\nclass Mine(PreTrainedTokenizerFast):\n    pass\n"
    (folder / "mine.py").write_text(f"open({str(marker)!r}, 'w')\n{code}")
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("something asks on the terminal"))
    try:
        load_tokenizer({"path": str(folder)}, tmp_path / "results")
        assert loads is not False
    except ConfigError as error:
        assert loads is not True and "code of its own, which is never run" in str(error)
    assert not marker.exists()


CODE = {"auto_map": dict.fromkeys(("AutoConfig", "AutoProcessor", "AutoTokenizer", "AutoModel"), "mine.Mine")}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("processor_config.json", {"processor_class": "Mine", **CODE}),
        ("preprocessor_config.json", {"processor_class": "Mine", "feature_extractor_type": "Mine", **CODE}),
        ("video_preprocessor_config.json", CODE),
        ("generation_config.json", {"custom_generate": "mine.py", **CODE}),
        ("config.json", {"model_type": "mine", "custom_pipelines": {"text": {"impl": "mine.Mine"}}, **CODE}),
        ("config.json", {"model_type": "llama", "custom_pipelines": {"text": {"impl": "mine.Mine"}}, **CODE}),
        ("config.json", {"model_type": "llama", "tokenizer_class": "Mine", **CODE}),
        ("special_tokens_map.json", {"auto_map": {"AutoTokenizer": ["mine.Mine", "mine.Mine"]}}),
    ],
)
@pytest.mark.parametrize("says_class", [True, False])
def test_nor_is_code_that_files_beside_it_name(name, content, says_class, tokenizer_path, tmp_path, monkeypatch):
    folder, marker = tmp_path / "theirs", tmp_path / "ran"
    shutil.copytree(tokenizer_path, folder)
    told = json.loads((folder / "tokenizer_config.json").read_text())
    if not says_class:
        told.pop("tokenizer_class", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    (folder / name).write_text(json.dumps(content))
    for code in ("mine.py", "tokenizer.py", "__init__.py", "tokenization_mine.py", "custom_generate/generate.py"):
        (folder / code).parent.mkdir(exist_ok=True)
        (folder / code).write_text(f"open({str(marker)!r}, 'w')\nMine = generate = None\n")
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("something asks on the terminal"))
    monkeypatch.chdir(folder)  # A module of this folder could be imported by its name.
    with contextlib.suppress(ConfigError):
        load_tokenizer({"path": str(folder)}, tmp_path / "results")
    assert not marker.exists()


def test_one_that_is_loaded_otherwise_than_when_a_trial_was_decided_is_refused(tokenizer_path, tmp_path):
    shutil.copytree(tokenizer_path, tmp_path / "mine")
    place = tokenizer_place(
        campaign(tmp_path, two_sources(tmp_path, texts()), tokenizer={"path": str(tmp_path / "mine")}), Layout(tmp_path)
    )
    load_tokenizer(place, tmp_path)
    (tmp_path / "mine/config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(
        ConfigError, match=r"mine: the tokenizer is not loaded as when this was decided: config\.json beside"
    ):
        load_tokenizer(place, tmp_path)
    del place["loaded_by"]  # as earlier versions wrote it; the rows' own tokenizer is compared then
    load_tokenizer(place, tmp_path)
