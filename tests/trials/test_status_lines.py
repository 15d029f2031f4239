"""`admire status` says each kind of trouble in one line, with the command that helps."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from test_breaker import ERROR, Folder

from admire.campaign.recipes import source_digest, suite_digest
from admire.cli.main import main
from admire.cluster.channel import ROOM, Channel, name_of
from admire.health.check import KINDS
from admire.trials.atomic_files import write_json
from admire.trials.attempts import Attempts
from admire.trials.lease import BEATS, PERIOD, Lease
from admire.trials.records import Evaluation, Score, TrainRecord, hold_back, publish

FULL_LIMIT = "a limit of submitted jobs is full: 'AssocMaxSubmitJobLimit'"
CLOSED = "the partition or its nodes are closed for now: 'Required partition not available (inactive or drain)'"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.chdir(tmp_path)
    return Folder(tmp_path)


def status(folder: Folder, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main(["status", folder.campaign.name, "--results", str(folder.layout.root)]) == 0
    return capsys.readouterr().out.splitlines()


def stopped(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    digests = [folder.fail("S").folder.name for _ in range(3)]
    named = ", ".join(f"S {digest}" for digest in digests)
    error = "IndexError: index out of range in self"
    return [
        f"stopped: no further trial is proposed: the first 3 trials of size S failed with the same error ({error}): {named}; "
        "fix the error, then: admire retry --all tiny, and run the campaign again"
    ]


def left(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    (trial,) = folder.decide("S")
    why = f"{folder.layout.root}: the disk is full (3 kB free there); free some space, then the same command goes on"
    hold_back(trial.train(), why)
    return [f"waiting: S {trial.folder.name}: {why}; the command that runs the campaign continues with them"]


def full(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    usage = shutil.disk_usage("/")._replace(free=3_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    root = folder.layout.root
    return [
        f"storage: 3 MB are free at {root}; free some space; admire prune removes model weights that no campaign needs"
    ]


def controlled(folder: Folder, *causes: str) -> Channel:
    """The campaign is run by this very process, whose submissions wait."""
    assert Lease(folder.files.running).take()
    channel = Channel(ROOM / str(name_of(os.getpid())))
    for cause in causes:
        assert channel.wait_for(cause) and not channel.wait_for(cause)
    return channel


def refused(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    controlled(folder, FULL_LIMIT, CLOSED, "Slurm's controller does not answer: 'Socket timed out'")
    looks = {
        FULL_LIMIT: "squeue --me",
        CLOSED: "sinfo",
        "Slurm's controller does not answer: 'Socket timed out'": "scontrol ping",
    }
    return [
        f"waiting: Slurm accepts no job for now ({cause}); submissions are repeated until it does; to look: {look}"
        for cause, look in looks.items()
    ]


def node(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    (trial,) = folder.decide("S")
    monkeypatch.setenv("SLURMD_NODENAME", "g1")
    Attempts(trial.attempts).begin(1, 0)
    Attempts(trial.attempts).end(1, "error", 0, 0.1, "OSError: libcuda.so.1")
    return [
        "node: on g1 a training broke before the first step, the last one: OSError: libcuda.so.1; later attempts run on other "
        "nodes; to look: srun --nodelist=g1 nvidia-smi; its administrators can drain it"
    ]


def failed(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    digest = folder.fail("S").folder.name
    return [f"failed: S {digest}: {ERROR}; to try again: admire retry {digest}"]


def cut(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    card = folder.layout.card("docs", source_digest(folder.campaign, "docs"))
    held = {"documents": 100, "dropped": {"not_json": 20}, "first_dropped": {"not_json": "a.jsonl:3"}, "truncated": 0}
    write_json(card, held)
    return ["left out: source docs: 20 of 100 documents (20 %) LEFT OUT: 20 that are not JSON (first: a.jsonl:3)"]


def unscored(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    (trial,), digest = folder.decide("S"), suite_digest(folder.campaign, "loss")
    publish(trial.train(), TrainRecord(status="ok", digest=trial.folder.name))
    scores, why = {"docs": Score(value=1.0), "code": Score(value=math.nan)}, "its value is nan, which is no score"
    record = Evaluation("loss", "validation", digest).scored(scores, 1.0, 1.0, {}, {})
    publish(trial.evaluation("loss", digest), record)
    return [f"not scored: loss/code in 1 of 1 trials: {why}; to try again: admire retry {trial.folder.name}"]


def warned(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    (trial,) = folder.decide("S")
    publish(trial.train(), TrainRecord(status="ok", digest=trial.folder.name, warnings={"torch: slow": 1200}))
    return ["warned: training, 1 trial, 1,200 times: torch: slow"]


def opened(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    root = folder.layout.root
    root.chmod(0o777)
    return [f"open to others: everybody on this file system may change {root}; chmod -R o-w {root}"]


TROUBLES: dict[str, Callable[[Folder, pytest.MonkeyPatch], list[str]]] = {
    "stopped_asking": stopped,
    "left_without_outcome": left,
    "nearly_full": full,
    "submissions_that_wait": refused,
    "nodes_that_break": node,
    "failed_trials": failed,
    "rows_left_out": cut,
    "unscored_metrics": unscored,
    "library_warnings": warned,
    "open_folders": opened,
}


def test_every_kind_of_finding_is_brought_about_here() -> None:
    assert list(TROUBLES) == [kind.__name__ for kind in KINDS]


@pytest.mark.parametrize("kind", TROUBLES)
def test_a_trouble_is_one_line_with_the_command_that_helps(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    before = status(folder, capsys)
    wanted = TROUBLES[kind](folder, monkeypatch)
    after = status(folder, capsys)
    begins = {line.split(":")[0] + ": " for line in wanted}
    said = [line for line in after if line.startswith(tuple(begins)) and line not in before]
    assert wanted and sorted(said) == sorted(wanted)


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes `squeue` show the folder's jobs."""

    def show(**states: str) -> None:
        lines = [
            f"{number}|admire_run|{said.partition(' ')[0]}|gpu|0:00|{said.partition(' ')[2]}|{tmp_path}"
            for number, said in states.items()
        ]
        path = tmp_path / "bin/squeue"
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\n" + "".join(f"echo '{line.lstrip('_')}'\n" for line in lines))
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")

    return show


def test_jobs_without_a_controller(
    folder: Folder, queue: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    queue(_7="RUNNING None", _8="PENDING JobHeldUser")
    lines = status(folder, capsys)
    assert "controller: not running" in lines
    assert "job      7: running in gpu, 0:00" in lines and "job      8: pending (JobHeldUser) in gpu, 0:00" in lines
    helps = (
        "No controller watches these jobs. They finish by themselves; the same command, or admire supervise, continues."
    )
    assert helps in lines
    controlled(folder)
    assert not any("No controller" in line for line in status(folder, capsys))


def test_a_controller_elsewhere_that_was_lost(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.files.running.parent.mkdir(parents=True, exist_ok=True)
    write_json(
        folder.files.running,
        {"id": "login2:7:1", "host": "login2", "pid": 7, "started": 0.0, "machine": "other", "job": None},
    )
    assert "controller: process 7 on login2" in status(folder, capsys)
    old = time.time() - PERIOD * BEATS - 3600
    os.utime(folder.files.running, (old, old))
    [line] = [line for line in status(folder, capsys) if line.startswith("controller: ")]
    assert (
        line
        == "controller: process 7 on login2, its last sign of life 61 min ago by this machine's clock: it may be gone"
    )


def test_a_submission_that_is_accepted_waits_no_more(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    channel = controlled(folder, FULL_LIMIT)
    assert any(line.startswith("waiting: Slurm accepts no job") for line in status(folder, capsys))
    assert channel.accepted()
    assert not any(line.startswith("waiting: ") for line in status(folder, capsys))
