"""Bad input: one sentence that names file, key and mend, exit code 1, no traceback, nothing written."""

import json
import os
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from admire.campaign.loading import parse
from admire.cli.main import main
from admire.errors import ConfigError
from admire.preflight.sources import check_sources
from admire.trials.lease import Lease

TINY = Path(__file__).parents[1] / "workflow/tiny.yaml"


def changed(**over):
    raw = yaml.safe_load(TINY.read_text())
    for path, value in over.items():
        *parents, last = path.split("__")
        here = raw
        for part in parents:
            here = here[int(part)] if isinstance(here, list) else here.setdefault(part, {})
        if value is None:
            del here[int(last) if isinstance(here, list) else last]
        else:
            here[int(last) if isinstance(here, list) else last] = value
    return raw


def stopping(steps=(0.25, 0.5, 1.0), schedule="warmup_stable_decay", warmup_share=0.1, rows=320):
    """Keys of a campaign whose trials may stop early, after some of their 40 steps."""
    return {
        "fidelity": {"steps": list(steps)},
        "training__schedule": schedule,
        "training__warmup_share": warmup_share,
        "mixture__rows": rows,
    }


@pytest.fixture
def refuse(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(raw, *words):
        path = tmp_path / "mine.yaml"
        path.write_text(raw if isinstance(raw, str) else yaml.safe_dump(raw, sort_keys=False))
        before = sorted(tmp_path.rglob("*"))
        assert main(["preflight", "mine.yaml"]) == 1
        said = capsys.readouterr().err
        assert said.startswith("admire preflight: mine.yaml") and said.count("\n") == 1, said
        for word in words:
            assert word in said, said
        assert sorted(tmp_path.rglob("*")) == before

    return run


def test_accepts_the_campaign_that_the_others_are_made_from(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["preflight", str(TINY)]) == 0
    assert "nothing stands in the way" in capsys.readouterr().out


SHAPE = [
    (changed(training__learning_rat=0.1), ("training.learning_rat", "did you mean 'learning_rate'")),
    (changed(models__1__target=False), ("exactly one model", "none says so")),
    (changed(models__0__target=True), ("exactly one model", "S and L say so")),
    (changed(mixture__prior={"poems": 1.0}), ("mixture.prior", "poems", "arithmetic, strings, stories")),
    (changed(mixture__prior={"stories": -1.0}), ("mixture.prior", "mixture.prior.stories", "below zero")),
    (changed(budget__total=0.1), ("budget.total", "final training", "raise it to 0.5 or more")),
    (changed(budget__total=0.3), ("budget.total", "initial design", "lower optimizer.initial")),
    (changed(optimizer__method="admir"), ("optimizer.method", "did you mean 'admire'")),
    (changed(benchmark__methods=["rando"]), ("benchmark.methods[0]", "did you mean 'random'")),
    (changed(objective={"loss/poems": -1}), ("objective.loss/poems", "loss/stories")),
    (changed(sources__stories__corpus="storys"), ("sources.stories.corpus", "did you mean 'stories'")),
    (changed(sources__stories={"files": "nothing/*.txt"}), ("nothing/*.txt", "sources.stories.files", "no such file")),
    (changed(models__0__architecture__model_type="lama"), ("models.S.architecture.model_type", "did you mean 'llama'")),
    (
        changed(models__0__architecture__hidden_siz=64),
        ("models.S.architecture.hidden_siz", "did you mean 'hidden_size'"),
    ),
    (changed(models__0__architecture__num_attention_heads=5), ("models.S.architecture", "transformers refuses it")),
    (changed(optimizer__kernel="matren"), ("optimizer.kernel", "did you mean 'matern'")),
    (changed(models__0__resources={"gpus": 3}), ("models.S", "training.batch_size", "among 3 processes")),
    (changed(models__0__resources={"rows_per_device": 3}), ("models.S", "resources.rows_per_device", "set it to")),
    (changed(models__0__resources={"gpus": 2, "processes": 2}), ("models.0.resources", "one process per GPU")),
    (changed(models__0__resources={"sharding": "full"}), ("models.S", "resources.sharding", "raise gpus")),
    (changed(models__0__resources={"liger": True}), ("models.S", "resources.liger", "pip install liger-kernel")),
    (changed(models__0__resources={"padding_free": True}), ("models.S", "resources.padding_free", "remove it")),
    (changed(name="../evil"), ("name", "'../evil' is no name", "lower-case letters")),
    (changed(models__0__cost="dear"), ("models.0.cost", "dear")),
    (changed(mixture__rows=None), ("mixture.rows", "missing")),
    (changed(tokenizer=None), ("tokenizer",)),
    (changed(**stopping(steps=[0.5, 0.25, 1.0])), ("fidelity", "steps", "ascending, the last one 1.0")),
    (changed(**stopping(steps=[0.25, 0.5])), ("fidelity", "steps", "the last one 1.0")),
    (changed(**stopping(steps=[0.001, 1.0])), ("fidelity.steps.0", "0.001")),
    (
        changed(**stopping(schedule="cosine")),
        ("fidelity.steps", "training.schedule: warmup_stable_decay", "not cosine"),
    ),
    (changed(**stopping(warmup_share=0.3)), ("fidelity.steps", "within the warm-up", "training.warmup_share")),
    (changed(**stopping(rows=24)), ("fidelity.steps", "S has only 3 steps", "list fewer")),
    (
        changed(**stopping(), optimizer__method="admire-mfbo"),
        ("optimizer.method", "admire-mfbo", "take fidelity.steps out"),
    ),
    (changed(**stopping(), benchmark__methods=["doremi"]), ("benchmark.methods[0]", "doremi", "only whole trainings")),
    ("name: [", ("line 1", "not valid YAML")),
    ("- a\n- b\n", ("expected keys with values, found a list",)),
    ("", ("expected keys with values, found nothing",)),
    ("name: a\nname: b\n", ("line 2", "the key 'name' stands twice")),
    (changed(budget=None, bugdet={"total": 1}), ("bugdet", "did you mean 'budget'")),
]


@pytest.mark.parametrize(("raw", "words"), SHAPE, ids=[words[0] + " " + words[-1] for _, words in SHAPE])
def test_refuses(refuse, raw, words):
    refuse(raw, *words)


def test_refuses_an_empty_and_a_non_utf8_source(refuse, tmp_path):
    (tmp_path / "empty.txt").touch()
    refuse(changed(sources__stories={"files": "empty.txt"}), "empty.txt", "sources.stories.files", "the file is empty")
    (tmp_path / "latin.txt").write_bytes("caf\u00e9 ".encode("latin-1") * 100)
    refuse(changed(sources__stories={"files": "latin.txt"}), "latin.txt", "sources.stories", "UTF-8")


def test_refuses_a_column_that_the_first_row_does_not_have(refuse, tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"txt": "a b c"}\n' * 100)
    refuse(changed(sources__stories={"files": "rows.jsonl"}), "rows.jsonl:1", "sources.stories.column", "one of txt")


def short_texts(folder, sentences, **changes):
    """The campaign on files with so many sentences each."""
    raw = changed(**changes)
    for name in raw["sources"]:
        (folder / f"{name}.txt").write_text(f"{name} is a short text. " * sentences)
        raw["sources"][name] = {"files": f"{name}.txt"}
    return raw


def test_refuses_caps_that_cannot_fill_a_mixture(refuse, tmp_path):
    raw = short_texts(tmp_path, 10, mixture__rows=100_000)
    refuse(raw, "mixture.rows", "caps sum to", "raise mixture.max_epochs")


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_refuses_more_conversations_than_the_files_can_hold(tmp_path, suffix):
    talks = [[{"role": "user", "content": f"{i}?"}, {"role": "assistant", "content": f"{i}."}] for i in range(50)]
    if suffix == ".parquet":
        pq.write_table(pa.table({"messages": talks}), tmp_path / "talks.parquet")
    else:
        (tmp_path / "talks.jsonl").write_text("".join(json.dumps({"messages": talk}) + "\n" for talk in talks))
    entry = {"files": str(tmp_path / f"talks{suffix}"), "column": "messages"}
    raw = yaml.safe_load((TINY.parents[2] / "config" / "laptop-sft.yaml").read_text())
    raw |= {"sources": {"a": entry, "b": entry}, "results": str(tmp_path / "results")}
    raw["mixture"] |= {"rows": 100}
    campaign = parse(raw, "mine.yaml")
    check_sources(campaign, "mine.yaml")
    raw["mixture"] |= {"rows": 1_000_000_000, "max_epochs": 2}
    with pytest.raises(
        ConfigError, match=r"mixture\.rows: the sources' caps sum to 0\.000, .*known from the sizes of the files"
    ):
        check_sources(parse(raw, "mine.yaml"), "mine.yaml")


def test_refuses_a_size_with_more_rows_than_there_are(refuse, tmp_path):
    raw = short_texts(tmp_path, 1000, models__0__rows=5_000_000)
    refuse(raw, "models.S.rows: 5,000,000 rows", "all sources give at most", "raise mixture.max_epochs")


def test_refuses_a_prior_that_asks_more_of_a_source_than_it_has(refuse, tmp_path):
    (tmp_path / "short.txt").write_text("a short text " * 20)
    raw = changed(sources__stories={"files": "short.txt"}, mixture__prior={"stories": 3, "strings": 1})
    refuse(raw, "mixture.prior.stories: 0.75 of 64 rows", "lower its weight", "raise mixture.max_epochs")


def test_refuses_a_results_folder_that_is_a_file(refuse, tmp_path):
    (tmp_path / "taken").touch()
    refuse(changed(results="taken"), "results", "taken is a file")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
@pytest.mark.parametrize(("options", "words"), [("ro", "cannot be written"), ("size=1m", "MB are free")])
def test_refuses_a_read_only_or_full_results_folder(refuse, tmp_path, options, words):
    folder = tmp_path / "mounted"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("this system allows no mounts")
    try:
        refuse(changed(results="mounted"), "results", words)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_unknown_campaign_name_lists_those_that_ran(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["status", "mine"]) == 1
    assert "no campaign called 'mine'" in capsys.readouterr().err


def test_begun_campaign_refuses_other_settings_and_names_both_values(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("slower.yaml").write_text("training: {learning_rate: 0.002}\n")
    assert main(["preflight", str(TINY), "slower.yaml", "--begin"]) == 0
    assert main(["preflight", str(TINY), "--begin"]) == 0  # nothing was decided yet, so that nothing binds
    decided = Path("results/campaigns/tiny/step_0000/lane_0/proposal.json")
    decided.parent.mkdir(parents=True)
    decided.write_text("{}")
    Path("faster.yaml").write_text("training: {learning_rate: 0.5}\nmixture: {rows: 48}\n")
    assert main(["preflight", str(TINY), "faster.yaml"]) == 1
    said = capsys.readouterr().err
    assert "training.learning_rate was 0.01, is 0.5" in said and "mixture.rows was 64, is 48" in said
    Path("longer.yaml").write_text("budget: {total: 9, lanes: 4}\n")
    assert main(["preflight", str(TINY), "longer.yaml"]) == 0


def test_lease_shows_who_runs_the_campaign(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["preflight", str(TINY), "--begin"])
    with Lease(Path("results/campaigns/tiny/running.json")).hold(wait=False):
        main(["status", "tiny"])
    assert f"controller: process {os.getpid()}" in capsys.readouterr().out
