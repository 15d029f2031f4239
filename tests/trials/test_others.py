"""Other users of the file system: links, folders open to everybody, specs that were moved or edited."""

import contextlib
import datetime
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from admire.campaign.layout import Layout, TrialLayout
from admire.campaign.loading import parse
from admire.errors import TrialError
from admire.health.check import findings
from admire.trials.atomic_files import open_state, write_json, write_text
from admire.trials.attempts import Attempts
from admire.trials.identity import Spec, make_spec
from admire.trials.lease import Lease
from admire.trials.ledger import Ledger, locked
from admire.trials.nodes import Nodes
from admire.trials.records import TrainRecord, publish, read_training
from admire.trials.results_table import write_results_table


@pytest.fixture
def campaign(tmp_path):
    return parse(
        {
            "name": "shared",
            "results": str(tmp_path / "results"),
            "sources": {"a": {"corpus": "arithmetic"}, "b": {"corpus": "stories"}},
            "tokenizer": {"vocabulary": 300},
            "mixture": {"rows": 8},
            "models": [{"name": "S", "cost": 1, "target": True, "architecture": {"model_type": "llama"}}],
            "training": {"sequence_length": 16, "batch_size": 4, "learning_rate": 0.001},
            "evaluation": {"loss": {"kind": "domain-loss"}},
            "objective": {"loss/a": -1},
            "budget": {"total": 10},
        },
        "shared.yaml",
    )


@pytest.fixture
def trial(campaign):
    cards = {
        name: {"tokenizer_sha256": "0" * 64, "splits": {"train": {"rows": 100, "sha256": name * 64}}}
        for name in campaign.sources
    }
    spec = make_spec(campaign, cards, campaign.target, [0.5, 0.5])
    files = Layout(Path(campaign.results)).trial(spec.model, spec.digest)
    write_json(files.spec, spec.as_dict())
    return files


def edit(trial, change):
    raw = json.loads(trial.spec.read_text())
    change(raw)
    raw["digest"] = Spec(raw["decides"], raw["labels"]).digest
    trial.spec.write_text(json.dumps(raw))


def test_a_spec_under_another_folders_name_is_refused(trial):
    assert Spec.load(trial).digest == trial.folder.name
    edit(trial, lambda raw: raw["decides"]["training"].update(learning_rate=1.0))
    with pytest.raises(TrialError, match="not that of its folder"):
        Spec.load(trial)


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw["labels"].update(base="trials/L/0123456789abcdef"),
        lambda raw: raw["labels"].update(reference="trials/L/0123456789abcdef"),
        lambda raw: next(iter(raw["labels"]["sources"].values())).update(folder="/home/somebody/rows"),
        lambda raw: next(iter(raw["labels"]["sources"].values())).update(folder="sources/../../rows"),
        lambda raw: raw["labels"].update(tokenizer={"folder": "../tokenizer"}),
    ],
)
def test_labels_that_lead_elsewhere_are_refused(trial, change):
    edit(trial, change)
    with pytest.raises(TrialError, match="label"):
        Spec.load(trial)


def test_state_files_are_not_opened_through_links(tmp_path, campaign):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("")
    files = Layout(tmp_path / "results").campaign("shared")
    ways = {
        tmp_path / "t" / "attempts.jsonl": lambda path: Attempts(path).begin(1, 0),
        files.ledger_lock: lambda path: locked(files).__enter__(),
        tmp_path / "t" / "lease.json.lock": lambda path: Lease(tmp_path / "t" / "lease.json").take(),
        tmp_path / "t" / "any": open_state,
    }
    for path, use in ways.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(elsewhere)
        with pytest.raises(TrialError, match="is a link"):
            use(path)
    assert elsewhere.read_text() == ""


PIPES = {
    "lease.json": lambda trial: Lease(trial.lease).watch(),
    "lease.json.lock": lambda trial: Lease(trial.lease).take(),
    "spec.json": Spec.load,
    "attempts.jsonl": lambda trial: Attempts(trial.attempts).begin(1, 0),
    "kept/train.json": lambda trial: read_training(trial.train()),
    "train.json": lambda trial: read_training(trial.train()),
    "jobs.txt": lambda trial: Nodes(trial.results.root).broken(),
}


@pytest.mark.parametrize("name", PIPES)
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_nobody_waits_for_a_pipe_or_reads_a_device_in_a_files_place(name, make, trial, campaign, capsys):
    from admire.cli.main import main

    path = (trial.outcome if "train" in name else trial.folder) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    make(path)
    with contextlib.suppress(TrialError) as refused:
        PIPES[name](trial)
    for words in (["prune"], ["retry", "--all"]):
        main([*words, "--results", campaign.results])
        assert "Traceback" not in (said := capsys.readouterr()).err and "\n" not in said.err.strip()
    assert refused is None and path.lstat()


@pytest.mark.parametrize("name", ["results.csv", "campaign.yaml", "recommendation.yaml", "report.html", "lock.json"])
def test_what_is_written_takes_a_links_place_and_leaves_its_target(name, campaign, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("of somebody else")
    files = Layout(Path(campaign.results)).campaign(campaign.name)
    files.folder.mkdir(parents=True)
    (files.folder / name).symlink_to(elsewhere)
    if name == "results.csv":
        write_results_table(Ledger.read(campaign))
    else:
        write_text(files.folder / name, "ours")
    assert elsewhere.read_text() == "of somebody else" and not (files.folder / name).is_symlink()


@pytest.mark.parametrize("linked", ["share_1", "share_1/model"])
def test_no_training_begins_where_its_outcome_would_lie_behind_a_link(linked, trial, tmp_path):
    from admire.distributed.ranks import Ranks
    from admire.train.attempt import under_the_lease

    (tmp_path / "elsewhere" / "model").mkdir(parents=True)
    (tmp_path / "elsewhere" / "model" / "weights").write_bytes(b"of somebody else")
    path = trial.folder / linked
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(tmp_path / "elsewhere")
    order = SimpleNamespace(trial=trial, attempt=1)
    with pytest.raises(TrialError, match=f"{linked}: is a link"):
        under_the_lease(order, Lease(trial.lease), Ranks())
    assert (tmp_path / "elsewhere" / "model" / "weights").read_bytes() == b"of somebody else"


@pytest.mark.parametrize("linked", ["trial", "model", "size", "trials"])
def test_prune_deletes_nothing_behind_a_link(linked, trial, campaign, tmp_path, capsys):
    from admire.cli.main import main

    publish(trial.train(), TrainRecord(status="ok", digest=trial.folder.name))
    trial.model().mkdir(parents=True)
    (trial.model() / "model.safetensors").write_bytes(b"weights")
    folder = {
        "trial": trial.folder,
        "model": trial.model(),
        "size": trial.folder.parent,
        "trials": trial.folder.parents[1],
    }[linked]
    shutil.move(folder, tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert main(["prune", "--results", campaign.results]) == 0
    assert "left alone" in capsys.readouterr().out
    assert list((tmp_path / "elsewhere").rglob("model.safetensors"))
    folder.unlink()
    shutil.move(tmp_path / "elsewhere", folder)
    assert main(["prune", "--results", campaign.results]) == 0
    assert not trial.model().exists()


def test_results_behind_a_link_of_their_own_are_pruned(trial, campaign, tmp_path):
    from admire.cli.main import main

    publish(trial.train(), TrainRecord(status="ok", digest=trial.folder.name))
    trial.model().mkdir(parents=True)
    (tmp_path / "short").symlink_to(campaign.results)
    assert main(["prune", "--results", str(tmp_path / "short")]) == 0
    assert not trial.model().exists()


def test_what_a_command_writes_is_not_for_everybody_to_change(tmp_path):
    code = f"""
import os, sys
from pathlib import Path
os.umask(0)
sys.argv[1:] = ["methods"]
from admire.cli.main import command
from admire.trials.atomic_files import write_json
command()
write_json(Path({str(tmp_path / "a" / "b.json")!r}), 1)
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    for path in (tmp_path / "a", tmp_path / "a" / "b.json"):
        assert not path.stat().st_mode & stat.S_IWOTH and path.stat().st_mode & stat.S_IWGRP


def test_a_folder_that_everybody_may_write_to_is_said(trial, campaign):
    assert not [one for one in findings(campaign) if one.kind == "open to others"]
    os.chmod(TrialLayout(trial.folder).folder.parents[1], 0o777)
    (found,) = [one for one in findings(campaign) if one.kind == "open to others"]
    assert "chmod -R o-w" in found.command and "trials" in found.sentence


@pytest.mark.parametrize("subcommand", [["plan"], ["status"], ["preflight"], ["preflight", "--begin"]])
def test_what_to_know_before_a_run_is_said_by_every_command_that_looks(subcommand, trial, campaign, tmp_path, capsys):
    from admire.cli.main import main

    (tmp_path / "shared.yaml").write_text(yaml.safe_dump(campaign.model_dump(mode="json") | {"budget": {"total": 20}}))
    words = [*subcommand[:1], str(tmp_path / "shared.yaml"), *subcommand[1:]]
    assert main(words) == 0 and "open to others" not in capsys.readouterr().out
    os.chmod(campaign.results, 0o777)
    now = datetime.datetime.now(datetime.UTC).isoformat()
    (trial.folder / "jobs.txt").write_text(f"n7 {now} 1 17\n")
    assert main(words) == 0
    said = capsys.readouterr().out
    assert f"open to others: everybody on this file system may change {campaign.results}" in said
    assert "node: on n7" in said
