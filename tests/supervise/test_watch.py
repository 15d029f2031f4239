"""A supervisor starts its command again when it was killed or hangs, and never after a real failure."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from admire.cluster import submitted

Supervise = Callable[..., subprocess.Popen]


def wait_for(condition: Callable[[], Any]) -> None:
    limit = time.monotonic() + 600  # only a hang takes longer, on however loaded a machine
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def supervise(tmp_path: Path) -> Supervise:
    """Supervises a Python script; `life` counts its lives from 1, and Slurm answers what the test says."""
    (tmp_path / "bin").mkdir()

    def start(script: str, *options: str, jobs: str = "") -> subprocess.Popen:
        command = tmp_path / "bin/squeue"
        command.write_text(f"#!/bin/sh\nprintf '{jobs}'\n")
        command.chmod(0o755)
        head = """
            import os, pathlib, signal, sys, time
            lives = pathlib.Path("lives")
            life = int(lives.read_text()) + 1 if lives.is_file() else 1
            lives.write_text(str(life))
            print("SLURM run ID: admire_run%d" % life, flush=True)
        """
        (tmp_path / "command.py").write_text(textwrap.dedent(head) + textwrap.dedent(script))
        command = [sys.executable, "-m", "admire.cli.main", "supervise", "--poll-seconds", "0.1", *options]
        return subprocess.Popen(
            [*command, "--", sys.executable, "command.py"],
            cwd=tmp_path,
            env=os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"},
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def log(tmp_path: Path) -> str:
    return (tmp_path / "logs/supervise.log").read_text()


def test_a_killed_command_is_started_again(supervise: Supervise, tmp_path: Path) -> None:
    process = supervise("if life < 3: os.kill(os.getpid(), signal.SIGKILL)")
    _, said = process.communicate()
    assert process.returncode == 0
    assert (tmp_path / "lives").read_text() == "3"
    assert said.count("the controller was killed (exit code -9): it is started again") == 2
    assert said == log(tmp_path)


def test_a_real_failure_is_not_repeated(supervise: Supervise, tmp_path: Path) -> None:
    process = supervise("print('no such file'); sys.exit(1)")
    _, said = process.communicate()
    assert process.returncode == 1 and "no such file" in said
    assert (tmp_path / "lives").read_text() == "1"


@pytest.mark.parametrize(
    ("refusal", "lives"),
    [
        ("Unable to contact slurm controller (connect failure)", "2"),
        ("AssocMaxSubmitJobLimit\\nsbatch: error: Job violates accounting/QOS policy (job submit limit)", "2"),
        ("Required partition not available (inactive or drain)", "2"),
        ("Invalid partition name specified", "1"),
        ("QOSMaxWallDurationPerJobLimit\\nsbatch: error: Job violates accounting/QOS policy (job submit limit)", "1"),
    ],
)
def test_a_refusal_that_passes_is_no_failure(supervise: Supervise, tmp_path: Path, refusal: str, lives: str) -> None:
    words = f"SLURM sbatch failed. The error message was 'sbatch: error: {refusal}'.\\n    sbatch call:\\n"
    process = supervise(f'if life == 1: print("{words}"); sys.exit(1)')
    process.communicate()
    assert (process.returncode, (tmp_path / "lives").read_text()) == (0 if lives == "2" else 1, lives)


def test_words_of_others_are_no_refusal_of_slurms(supervise: Supervise, tmp_path: Path) -> None:
    process = supervise("print('huggingface.co: Connection refused'); sys.exit(1)")
    process.communicate()
    assert process.returncode == 1 and (tmp_path / "lives").read_text() == "1"


def test_a_command_that_cannot_live_is_left_so(supervise: Supervise, tmp_path: Path) -> None:
    process = supervise("os.kill(os.getpid(), signal.SIGKILL)")
    _, said = process.communicate()
    assert process.returncode == 1 and "it is not started again" in said
    assert (tmp_path / "lives").read_text() == "5"


def test_a_command_that_waits_for_forgotten_jobs_is_ended_and_started_again(
    supervise: Supervise, tmp_path: Path
) -> None:
    process = supervise("while life == 1: time.sleep(0.1)", "--hung-minutes", "0.02")
    _, said = process.communicate()
    assert process.returncode == 0 and "Slurm knows no job of it" in said
    assert int((tmp_path / "lives").read_text()) >= 2  # more where a life takes longer to begin than it may hang


def test_a_command_with_jobs_in_the_queue_does_not_hang(supervise: Supervise, tmp_path: Path) -> None:
    job = f"7|admire_run1|PENDING|gpu|0:00|JobHeldAdmin|{tmp_path}\\n"
    process = supervise("time.sleep(4)", "--hung-minutes", "0.02", jobs=job)
    _, said = process.communicate()
    assert process.returncode == 0 and (tmp_path / "lives").read_text() == "1"
    assert said.count("`scontrol release 7` releases it") == 1


@pytest.mark.parametrize("name", ["site_admire_run1", "admire_run1-lab", "rewritten"])
def test_a_job_is_known_by_its_number_whatever_the_site_calls_it(
    supervise: Supervise, tmp_path: Path, name: str
) -> None:
    if name == "rewritten":
        submitted.note(tmp_path, "admire_run1", "7")
    process = supervise("time.sleep(4)", "--hung-minutes", "0.02", jobs=f"7|{name}|RUNNING|gpu|0:00|None|{tmp_path}\\n")
    process.communicate()
    assert process.returncode == 0 and (tmp_path / "lives").read_text() == "1"


@pytest.mark.parametrize("why", ["AssocMaxWallDurationPerJobLimit", "PartitionTimeLimit", "QOSNotAllowed"])
def test_a_job_that_waits_in_vain_is_said_once(supervise: Supervise, tmp_path: Path, why: str) -> None:
    process = supervise("time.sleep(2)", jobs=f"7|admire_run1|PENDING|gpu|0:00|{why}|{tmp_path}\\n")
    _, said = process.communicate()
    assert said.count(f"Slurm job 7 may wait for ever ({why})") == 1


def test_orphans_of_this_folder_are_named(supervise: Supervise, tmp_path: Path) -> None:
    jobs = f"7|admire_old|RUNNING|gpu|0:00|None|{tmp_path}\\n8|admire_old|RUNNING|gpu|0:00|None|/elsewhere\\n"
    process = supervise("pass", jobs=jobs)
    _, said = process.communicate()
    assert "1 jobs without a controller keep running: 7" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_to_end_it_passes_that_on_and_ends(supervise: Supervise, tmp_path: Path, number: signal.Signals) -> None:
    script = f"""
        signal.signal({number.value}, lambda *_: sys.exit(1))
        pathlib.Path("ready").touch()
        while True: time.sleep(0.1)
    """
    process = supervise(script)
    wait_for((tmp_path / "ready").is_file)
    process.send_signal(number)
    process.communicate()
    assert process.returncode == 1 and (tmp_path / "lives").read_text() == "1"


def test_a_closed_terminal_ends_nothing(supervise: Supervise, tmp_path: Path) -> None:
    process = supervise("pathlib.Path('ready').touch()\nwhile not os.path.exists('go'): time.sleep(0.1)")
    wait_for((tmp_path / "ready").is_file)
    process.send_signal(signal.SIGHUP)
    process.stderr.close()
    (tmp_path / "go").touch()
    assert process.wait() == 0 and "the controller finished" in log(tmp_path)
