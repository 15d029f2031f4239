"""From a spec to rows in training order, through the command line and back."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
from small_campaign import campaign, texts, write_jsonl

from admire.campaign.layout import Layout, kept
from admire.cli.main import main
from admire.data.mixing import build_data
from admire.data.prepared_source import prepare_source
from admire.data.rows import load_rows, load_split
from admire.errors import SourceError, TrialError
from admire.trials.atomic_files import read_json, write_json
from admire.trials.identity import Spec, make_spec


@pytest.fixture
def trial(tmp_path, tokenizer_path):
    """A trial of two sources, one of them drawn more than once, with its spec written."""
    sources = {
        "few": {"files": write_jsonl(tmp_path / "few.jsonl", [{"text": text} for text in texts(20)])},
        "many": {"files": write_jsonl(tmp_path / "many.jsonl", [{"text": text[::-1]} for text in texts(200)])},
        "unused": {"files": write_jsonl(tmp_path / "unused.jsonl", [{"text": text * 2} for text in texts(60)])},
    }
    wanted = campaign(
        tmp_path / "results", sources, tokenizer={"path": tokenizer_path}, mixture={"rows": 90, "max_epochs": 2}
    )
    cards = {name: read_json(prepare_source(wanted, name)) for name in sources}
    few = cards["few"]["splits"]["train"]["rows"]
    spec = make_spec(wanted, cards, wanted.target, np.array([few + 5, 85 - few, 0]))
    layout = Layout(tmp_path / "results").trial("S", spec.digest)
    write_json(layout.spec, spec.as_dict())
    return layout


def test_the_rows_are_those_of_the_index(trial):
    manifest = read_json(build_data(trial))
    index, rows = np.load(trial.index), load_rows(trial)
    assert len(rows) == manifest["rows"] == 90
    whole = [
        row
        for source in manifest["sources"]
        for row in load_split(trial.results.root / source["folder"], "train")["input_ids"]
    ]
    assert rows["input_ids"][:] == [whole[i] for i in index]
    assert hashlib.sha256(trial.index.read_bytes()).hexdigest() == manifest["index_sha256"]
    assert manifest["tokens_estimate"] == 90 * 16


def test_the_manifest_tells_counts_and_epochs(trial):
    manifest = read_json(build_data(trial))
    by_name = {source["name"]: source for source in manifest["sources"]}
    assert by_name.keys() == {"few", "many"}
    assert by_name["few"]["rows"] == by_name["few"]["available"] + 5
    assert by_name["few"]["epochs"] == pytest.approx(1 + 5 / by_name["few"]["available"])
    assert [source["name"] for source in manifest["sources"]] == [source["name"] for source in Spec.load(trial).sources]


def test_building_again_gives_the_same_bytes(trial):
    build_data(trial)
    first = trial.index.read_bytes(), trial.data.read_bytes()
    trial.index.unlink()
    build_data(trial)
    assert (trial.index.read_bytes(), trial.data.read_bytes()) == first


def test_building_loads_neither_torch_nor_datasets(trial):
    code = (
        "import sys; from admire.cli.main import main; assert main(sys.argv[1:]) == 0;"
        "print(sorted({'torch', 'datasets', 'transformers', 'pandas', 'pyarrow'} & set(sys.modules)))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, "build-data", str(trial.folder)], capture_output=True, text=True, check=True
    )
    assert out.stdout.splitlines() == ["[]"]


def test_other_rows_than_the_spec_means_are_refused(trial, capsys):
    folder = trial.results.root / Spec.load(trial).sources[0]["folder"]
    card = read_json(folder / "card.json")
    card["splits"]["train"]["sha256"] = "0" * 64
    write_json(folder / "card.json", card)
    with pytest.raises(SourceError, match=r"card\.json: source '\w+' holds other rows \(000000000000\) than trial"):
        build_data(trial)
    assert main(["build-data", str(trial.folder)]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not trial.data.exists()


def test_a_source_that_is_not_prepared_is_refused(trial):
    folder = trial.results.root / Spec.load(trial).sources[0]["folder"]
    (folder / "card.json").unlink()
    build_data(trial)  # the copy that Snakemake does not know is enough
    kept(folder / "card.json").unlink()
    with pytest.raises(SourceError, match=r"is not prepared here; run the workflow"):
        build_data(trial)


def test_an_index_that_is_not_the_manifests_is_refused(trial):
    with pytest.raises(TrialError, match="the trial's data is not built; run `admire build-data"):
        load_rows(trial)
    build_data(trial)
    np.save(trial.index, np.arange(90, dtype="<u4"))
    with pytest.raises(TrialError, match=r"index\.npy: it is not the index that data\.json describes"):
        load_rows(trial)


def test_the_verbs_prepare_what_a_campaign_needs(tmp_path, capsys):
    sources = {
        name: {"files": write_jsonl(tmp_path / f"{name}.jsonl", [{"text": t} for t in texts()])} for name in "ab"
    }
    raw = campaign(tmp_path / "results", sources).model_dump(exclude_defaults=True)
    (tmp_path / "c.yaml").write_text(json.dumps(raw), encoding="utf-8")
    given = ["--campaign", str(tmp_path / "c.yaml")]
    assert main(["prepare-source", "a", *given]) == 1
    assert "run the workflow, which trains it" in capsys.readouterr().err
    assert main(["train-tokenizer", *given]) == 0
    assert main(["prepare-source", "a", *given]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-1].endswith("card.json")
    assert out[-2].startswith("a ")
