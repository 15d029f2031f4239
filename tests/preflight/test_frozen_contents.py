"""What a campaign's paths hold is frozen with its settings: a change under the same name is refused with both digests, another name
takes what is there now. The campaigns are those that an earlier version left behind (tests/workflow/earlier)."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
import yaml

from admire.campaign import contents, frozen_settings
from admire.campaign.content_identity import tokenizer_identity, weights_identity
from admire.campaign.json_hash import digest
from admire.campaign.layout import Layout
from admire.campaign.loading import load
from admire.campaign.recipes import source_digests
from admire.cli.main import main
from admire.loop.evidence import read_cards
from admire.preflight.check import begin
from admire.trials.identity import make_spec

EARLIER = Path(__file__).parents[1] / "workflow/earlier/results.tar.xz"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    shutil.unpack_archive(EARLIER, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def begun(folder, capsys):
    """A first start of this version."""
    assert main(["preflight", "--begin", "chats.yaml"]) == 0
    said = capsys.readouterr().out
    assert (
        "contents of models.M.path, models.M.path (tokenizer), tokenizer (how it is loaded), tokenizer.chat_template are taken"
        in said
        and said.count("are taken for those") == 1
    )
    return folder


def swap_weights(folder):
    path = folder / "model/model.safetensors"
    content, times = bytearray(path.read_bytes()), path.stat()
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def rename_token(folder):
    path = folder / "model/tokenizer.json"
    path.write_text(path.read_text().replace('"<|system|>"', '"<|sytsem|>"'))


def other_class(folder):
    path = folder / "model/config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tokenizer_class": "GPT2Tokenizer"}))


def mend_template(folder):
    path = folder / "chat.jinja"
    path.write_text(path.read_text() + "{# mended #}")


def bring_a_template(folder):
    """Not used: the campaign names one of its own."""
    (folder / "model/chat_template.jinja").write_text("{{ messages }}")


def touch(folder):
    for path in (*folder.glob("model/*"), folder / "chat.jinja"):
        path.touch()


REFUSED = {
    swap_weights: r"models\.M\.path holds other weights \(was [0-9a-f]{16}, is [0-9a-f]{16}\)",
    rename_token: r"models\.M\.path \(tokenizer\) holds another tokenizer \(was [0-9a-f]{16}, is [0-9a-f]{16}\)",
    mend_template: r"tokenizer\.chat_template holds another chat template \(was [0-9a-f]{16}, is [0-9a-f]{16}\)",
    other_class: r"tokenizer \(how it is loaded\) holds another configuration of its model.* \(was '\w{16}', is '\w{16}'\)",
    lambda folder: shutil.rmtree(
        folder / "model"
    ): r"models\.M\.path holds other weights \(was [0-9a-f]{16}, is not there\)",
}


@pytest.mark.parametrize("change", REFUSED)
def test_a_change_under_one_name_is_refused_with_both_digests(begun, capsys, change):
    assert main(["preflight", "chats.yaml"]) == 0
    change(begun)
    capsys.readouterr()
    assert main(["preflight", "chats.yaml"]) == 1
    said = capsys.readouterr().err
    assert (
        said.startswith("admire preflight: chats.yaml: campaign 'chats' began with other files")
        and said.count("\n") == 1
    )
    assert re.search(REFUSED[change], said), said


@pytest.mark.parametrize("decision", ["step_0007/lane_0", "final_0009", "benchmark"])
def test_no_decision_is_made_with_other_weights(begun, capsys, decision):
    """Changed while the campaign runs: its jobs would start from them."""
    swap_weights(begun)
    assert main(["propose", decision, "--campaign", "chats"]) == 1
    assert "models.M.path holds other weights" in capsys.readouterr().err


@pytest.mark.parametrize("change", [touch, bring_a_template])
def test_what_decides_nothing_may_change(begun, change):
    change(begun)
    assert main(["preflight", "--begin", "chats.yaml"]) == 0


def test_the_first_start_writes_down_once_and_says_so_once(begun, capsys):
    lock = (begun / "results/campaigns/chats/lock.json").read_text()
    assert main(["preflight", "--begin", "chats.yaml"]) == 0
    assert "are taken for those" not in capsys.readouterr().out
    assert (begun / "results/campaigns/chats/lock.json").read_text() == lock
    assert main(["preflight", "--begin", "texts.yaml"]) == 0
    assert "are taken for those" not in capsys.readouterr().out, "it names no path"


def identities(name="chats.yaml"):
    """Digests of the sources and of a trial of the campaign as it would be decided now."""
    campaign = load(name)
    return source_digests(campaign), lambda weights: make_spec(campaign, read_cards(campaign), campaign.target, weights)


@pytest.mark.parametrize("first_start", [False, True])
def test_what_was_tried_before_keeps_its_name_while_the_content_is_the_same(folder, first_start):
    if first_start:
        begin(load("chats.yaml"))
    tried = [json.loads(path.read_text()) for path in folder.glob("results/trials/M/*/spec.json")]
    sources, spec = identities()
    assert all((folder / f"results/sources/{name}/{digest}/card.json").is_file() for name, digest in sources.items())
    one = next(trial for trial in tried if trial["decides"]["replicate"] == 0)
    rows = {trial["name"]: 0 for trial in one["labels"]["sources"].values()}
    for source in one["decides"]["sources"]:
        rows[one["labels"]["sources"][source["sha256"]]["name"]] = source["rows"]
    assert spec([rows["rivers"] / 32, rows["lamps"] / 32]).digest == one["digest"]


def test_another_name_takes_what_is_there_now(begun):
    """Neither the rows nor the trials that were made with what lay there before."""
    results = Layout(begun / "results")
    sources, spec = identities()
    before = spec([0.5, 0.5])
    assert before.decides["model"] == {"path": "model"} == tokenizer_identity("model", results, own_template=False)
    swap_weights(begun)
    after = spec([0.5, 0.5])
    assert after.digest != before.digest and after.decides["model"].keys() == {"sha256"}
    assert identities()[0] == sources, "rows do not depend on weights"
    rename_token(begun)
    assert all(digest != sources[name] for name, digest in identities()[0].items())


def test_weights_are_the_same_wherever_they_lie(begun, tmp_path):
    fresh = Layout(tmp_path / "fresh")
    shutil.copytree("model", "moved")
    assert weights_identity("model", fresh) == weights_identity("moved", fresh)
    assert weights_identity("model", fresh).keys() == {"sha256"}
    assert weights_identity("missing", fresh) == {"path": "missing"}


def test_a_path_that_was_away_at_the_first_start_is_written_down_when_it_is_back(folder):
    results = Layout(folder / "results")
    (folder / "model").rename(folder / "away")
    begin(load("texts.yaml"))
    assert json.loads(results.contents.read_text())["weights"] == {"model": None}
    (folder / "away").rename(folder / "model")
    assert weights_identity("model", results) == {"path": "model"}
    begin(load("texts.yaml"))
    swap_weights(folder)
    assert weights_identity("model", results).keys() == {"sha256"}


@pytest.fixture
def borrower(folder):
    """A campaign that fine-tunes a base model of `texts`, begun."""
    raw = yaml.safe_load(Path("chats.yaml").read_text())
    raw |= {"name": "borrower", "evaluation": {"loss": {"kind": "domain-loss"}}, "objective": {"loss/rivers": -1}}
    raw["models"][0] = {"name": "M", "cost": 0.2, "target": True, "base": {"campaign": "texts.yaml", "model": "S"}}
    Path("borrower.yaml").write_text(yaml.safe_dump(raw))
    begin(load("borrower.yaml"))
    for path in folder.glob("results/campaigns/chats/step_0000/lane_0"):
        shutil.copytree(path, folder / "results/campaigns/borrower/step_0000/lane_0")
    return folder


def lender(**keys):
    raw = yaml.safe_load(Path("texts.yaml").read_text())
    for place, value in keys.items():
        *parents, last = place.split("__")
        here = raw
        for part in parents:
            here = here[int(part)] if isinstance(here, list) else here[part]
        here[last] = value
    Path("texts.yaml").write_text(yaml.safe_dump(raw))


BASE = {
    "training__learning_rate": (0.02, r"base\.campaign\.training\.learning_rate was 0\.01, is 0\.02"),
    "mixture__prior": ("uniform", r"base\.campaign\.mixture\.prior was 'natural', is 'uniform'"),
    "models__0__rows": (32, r"base\.campaign\.models\.S\.rows was not there, is 32"),
}


@pytest.mark.parametrize("key", BASE)
def test_another_base_model_under_the_same_file_is_refused(borrower, capsys, key):
    value, sentence = BASE[key]
    lender(**{key: value})
    assert main(["preflight", "borrower.yaml"]) == 1
    assert re.search(rf"models\.M\.{sentence}", said := capsys.readouterr().err), said


def test_what_does_not_decide_the_base_model_may_change(borrower):
    lender(budget__total=9, models__1__rows=32, optimizer__initial=5)
    assert main(["preflight", "borrower.yaml"]) == 0


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_other_rows_of_any_split_are_refused_at_the_next_decision(begun, capsys, split):
    """A source that was removed and prepared again from other files."""
    assert main(["propose", "step_0007/lane_0", "--campaign", "chats"]) == 0
    card = next(begun.glob("results/sources/rivers/*/card.json"))
    for path in begun.glob("results/sources/rivers/*/card.json"):
        content = json.loads(path.read_text())
        content["splits"][split]["sha256"] = "0" * 64
        path.write_text(json.dumps(content))
    assert card.is_file()
    assert main(["propose", "step_0008/lane_0", "--campaign", "chats"]) == 1
    said = capsys.readouterr().err
    name = "rivers" if split == "train" else rf"rivers \({split}\)"
    assert re.search(rf"source {name} \(was [0-9a-f]{{16}}, is 0{{16}}\) is not what campaign", said), said


def test_sources_of_two_tokenizers_are_refused(begun, capsys):
    """One of them was prepared again after the tokenizer's folder was removed."""
    for path in begun.glob("results/sources/lamps/*/card.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"tokenizer_sha256": "0" * 64}))
    assert main(["propose", "step_0007/lane_0", "--campaign", "chats"]) == 1
    said = capsys.readouterr().err
    assert "sources.rivers was prepared with tokenizer" in said and "sources.lamps with 0000000000000000" in said


def swap_text(path):
    content, times = path.read_text(), path.stat()
    path.write_text(content.replace("lamps 7:", "lamps 8:", 1))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_a_file_of_a_source_that_changed_behind_its_size_and_time_is_refused(folder, capsys):
    shutil.rmtree("results/sources/lamps")
    assert main(["prepare-source", "lamps", "--campaign", "texts"]) == 0
    assert main(["preflight", "texts.yaml"]) == 0
    Path("lamps.jsonl").touch()
    os.link("lamps.jsonl", "another-name")
    assert main(["preflight", "texts.yaml"]) == 0, "the content is the same"
    swap_text(Path("lamps.jsonl"))
    capsys.readouterr()
    assert main(["preflight", "texts.yaml"]) == 1
    said = capsys.readouterr().err
    assert re.search(r"lamps\.jsonl: this file changed since .* \(was [0-9a-f]{16}, is [0-9a-f]{16}\)", said), said


def test_a_tokenizer_that_changed_before_the_first_start_is_found_by_the_cards(folder, capsys):
    """The rows of the earlier version are not taken for those of the tokenizer that lies there now."""
    prepared = {path.parent.name for path in folder.glob("results/sources/*/*/card.json")}
    rename_token(folder)
    assert main(["preflight", "--begin", "chats.yaml"]) == 1
    said = capsys.readouterr().err
    assert re.search(
        r"model: the tokenizer is not the one that source '\w+' was prepared with \(was \w{16}, is \w{16}\)", said
    )
    assert not prepared & set(identities()[0].values())


def name_rules(folder, text):
    """Rules of an older version of the library, which the tokenizer's configuration names."""
    (folder / "tokenizer.4.0.0.json").write_text(text)
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"fast_tokenizer_files": ["tokenizer.4.0.0.json"]}))


def other_rules(folder):
    name_rules(folder, (folder / "tokenizer.json").read_text().replace("<|system|>", "<|sytsem|>"))


def other_type(folder):
    (folder / "config.json").write_text('{"model_type": "gpt2"}')


def no_type(folder):
    (folder / "config.json").unlink()


@pytest.mark.parametrize("change", [other_type, no_type, other_rules])
def test_what_decides_how_a_tokenizer_is_loaded_is_part_of_it(tmp_path, change):
    shutil.unpack_archive(EARLIER, tmp_path)
    model, fresh = tmp_path / "model", Layout(tmp_path / "fresh")
    name_rules(model, (model / "tokenizer.json").read_text())
    before = tokenizer_identity(str(model), fresh, own_template=True)
    shutil.copytree(model, tmp_path / "moved")
    assert tokenizer_identity(str(tmp_path / "moved"), fresh, own_template=True) == before
    (model / "config.json").write_text(json.dumps(json.loads((model / "config.json").read_text()) | {"hidden_size": 8}))
    assert tokenizer_identity(str(model), fresh, own_template=True) == before, "a model's size is none of its business"
    change(model)
    assert tokenizer_identity(str(model), fresh, own_template=True) != before


def test_a_tokenizer_alone_keeps_the_identity_that_it_had(tmp_path):
    shutil.unpack_archive(EARLIER, tmp_path)
    (tmp_path / "model/config.json").unlink()
    assert tokenizer_identity(str(tmp_path / "model"), Layout(tmp_path / "fresh"), True).keys() == {"sha256"}


@pytest.fixture
def between(folder):
    """Results of a version that knew tokenizers by their files alone: content in the recipes, no word of `loaded_by`."""
    results = Layout(folder / "results")
    content = {"sha256": contents.tokenizer("model", results.hashes, own_template=False)}
    for card in [*folder.glob("results/sources/*/*/card.json")]:
        made = json.loads(card.read_text())
        if made["recipe"]["tokenizer"] == {"path": "model"}:
            made["recipe"]["tokenizer"] = content
            card.write_text(json.dumps(made))
            card.parent.rename(card.parent.with_name(digest(made["recipe"])))
    kinds = {kind: {} for kind in ("tokenizers", "tokenizers without template")}
    results.contents.write_text(json.dumps(kinds | {"weights": {"model": contents.weights("model", results.hashes)}}))
    campaign = load("chats.yaml")
    path = folder / "results/campaigns/chats/lock.json"
    held = {key: value for key, value in frozen_settings.contents(campaign).items() if key != frozen_settings.LOADING}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"contents": held}))
    return folder


def sources_are_there(folder):
    return [
        (folder / f"results/sources/{name}/{made}/card.json").is_file()
        for name, made in source_digests(load("chats.yaml")).items()
    ]


@pytest.mark.parametrize("started", [False, True])
def test_sources_of_a_version_that_knew_tokenizers_by_their_files_alone_stay(between, capsys, started):
    if started:
        assert main(["preflight", "--begin", "chats.yaml"]) == 0
        said = capsys.readouterr().out
        assert "contents of tokenizer (how it is loaded) are taken for those that it began with" in said
        assert main(["preflight", "--begin", "chats.yaml"]) == 0
        assert "are taken for those" not in capsys.readouterr().out
    assert all(sources_are_there(between))


def test_they_are_not_taken_once_the_tokenizer_is_loaded_another_way(between, capsys):
    assert main(["preflight", "--begin", "chats.yaml"]) == 0
    other_class(between)
    assert not any(sources_are_there(between))
    capsys.readouterr()
    assert main(["preflight", "chats.yaml"]) == 1
    assert "tokenizer (how it is loaded) holds another configuration" in capsys.readouterr().err
    Path("chats.yaml").write_text(Path("chats.yaml").read_text().replace("name: chats", "name: new"))
    assert not any(sources_are_there(between))


def test_files_that_an_index_names_in_another_folder_are_held_once_a_campaign_goes_on(between, capsys):
    """An earlier version let such a campaign begin."""
    (between / "parts").mkdir()
    (between / "parts/a.safetensors").write_bytes(b"one")
    places = {"weight_map": {"lm_head.weight": "../parts/a.safetensors"}}
    (between / "model/model.safetensors.index.json").write_text(json.dumps(places))
    path = between / "results/campaigns/chats/lock.json"
    frozen = json.loads(path.read_text())
    frozen["contents"]["models.M.path"] = contents.weights("model", Layout(between / "results").hashes)
    path.write_text(json.dumps(frozen))
    assert main(["preflight", "--begin", "chats.yaml"]) == 0
    assert "contents of models.M.path (files elsewhere), tokenizer (how it is loaded) are" in capsys.readouterr().out
    (between / "parts/a.safetensors").write_bytes(b"two")
    assert main(["preflight", "chats.yaml"]) == 1
    assert "models.M.path (files elsewhere) holds other weights (was " in capsys.readouterr().err
