"""What is asked of Slurm, with commands that stand in for it; tests/slurm asks the real one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from admire.cli.main import main
from admire.trials import slurm_jobs

Fake = Callable[..., Path]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Puts a command on the path that notes its arguments and answers."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    (tmp_path / "bin").mkdir()

    def make(name: str, answer: str = "", code: int = 0) -> Path:
        said = tmp_path / f"{name}.said"
        command = tmp_path / "bin" / name
        command.write_text(f"#!/bin/sh\necho \"$@\" >> {said}\nprintf '{answer}'\nexit {code}\n")
        command.chmod(0o755)
        return said

    return make


def test_a_running_job_is_requeued(fake: Fake) -> None:
    fake("squeue", "RUNNING\\n")
    said = fake("scontrol")
    assert slurm_jobs.requeue()
    assert said.read_text() == "requeue 7\n"


@pytest.mark.parametrize("state", ["CANCELLED", "COMPLETING", ""])
def test_a_job_that_was_cancelled_does_not_bring_itself_back(fake: Fake, state: str) -> None:
    fake("squeue", state)
    said = fake("scontrol")
    assert not slurm_jobs.requeue() and not said.exists()


def test_a_refusal_is_told(fake: Fake) -> None:
    fake("squeue", "RUNNING")
    fake("scontrol", "Requested operation is presently disabled", 1)
    assert not slurm_jobs.requeue()


def test_a_contender_waits_behind_the_holder(fake: Fake) -> None:
    fake("squeue", "RUNNING")
    said = fake("scontrol")
    assert slurm_jobs.wait_behind("5")
    assert said.read_text() == "requeue 7\nupdate JobId=7 Dependency=afterany:5\n"
    assert not slurm_jobs.wait_behind("7"), "not behind itself"


def test_outside_of_slurm_nothing_is_asked(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    said = fake("scontrol")
    monkeypatch.delenv("SLURM_JOB_ID")
    assert not slurm_jobs.requeue() and not slurm_jobs.wait_behind("5") and not said.exists()


def test_jobs_are_those_of_the_folder(fake: Fake, tmp_path: Path) -> None:
    mine = f"8|admire_run|PENDING|gpu|0:00|Resources|{tmp_path}"
    fake(
        "squeue",
        f"{mine}\\n9|admire_run|RUNNING|gpu|0:00|None|/elsewhere\\n10|other|RUNNING|gpu|1:00|None|{tmp_path}\\n",
    )
    assert slurm_jobs.jobs(tmp_path) == [slurm_jobs.Job("8", "run", "PENDING", "gpu", "0:00", "Resources")]
    fake("squeue", "", 1)
    assert slurm_jobs.jobs(tmp_path) is None, "no answer is not an empty queue"


def test_status_misses_only_a_slurm_that_was_used(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake("squeue", "", 1)
    monkeypatch.chdir(tmp_path)
    campaign = str(Path(__file__).parents[2] / "config/laptop.yaml")
    assert main(["status", campaign]) == 0
    assert "Slurm" not in capsys.readouterr().out, "its commands are installed, no campaign ever asked it for anything"
    slurm_jobs.LOGS.mkdir(parents=True)
    assert main(["status", campaign]) == 0
    assert "Slurm does not answer" in capsys.readouterr().out
