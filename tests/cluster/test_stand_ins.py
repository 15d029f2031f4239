"""What a controller's child processes find in place of Slurm's commands, with commands that stand in for the real ones.

tests/slurm plays the same on a real cluster.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from admire.cluster import states, submitted
from admire.cluster.channel import ROOM, VARIABLE, Channel
from admire.cluster.stand_ins import StandIns

RUN = "admire_1234"
JOB = ("--parsable", "--job-name", RUN, "--comment", "rule_train", "--wrap=true")
FULL = "sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job violates accounting/QOS policy"
AWAY = "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)"
LOST = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"


class Site:
    """A folder, a controller's stand-ins in it, and fake commands of Slurm that keep what they were asked."""

    def __init__(self, folder: Path, stand_ins: StandIns, said: list[str]) -> None:
        self.folder, self.stand_ins, self.said = folder, stand_ins, said

    def command(self, name: str, script: str) -> None:
        """A fake command; `call` counts its calls from 1."""
        asked = self.folder / f"{name}.asked"
        head = f'echo "$@" >> {asked}; call=$(wc -l < {asked})\n'
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{head}{textwrap.dedent(script)}\n")
        path.chmod(0o755)

    def asked(self, name: str) -> list[str]:
        path = self.folder / f"{name}.asked"
        return path.read_text().splitlines() if path.exists() else []

    def run(self, *command: str, **more: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, capture_output=True, text=True, cwd=self.folder, timeout=60, **more)

    def heard(self) -> list[str]:
        """What the terminal was shown."""
        self.stand_ins._show()
        return self.said


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ADMIRE_SLURM_PAUSE_SECONDS", "0.05")
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    logger, said = logging.Logger("snakemake"), []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logger.addHandler(handler)
    stand_ins = StandIns(tmp_path, logger)
    stand_ins.open()
    yield Site(tmp_path, stand_ins, said)
    stand_ins.close()
    for number, handle in before.items():
        signal.signal(number, handle)


def refusing(said: str, times: int, then: str = "echo 7") -> str:
    """A script of an sbatch that refuses so many times."""
    lines = "\n".join(f"echo '{line}' >&2" for line in said.replace("'", "").splitlines())
    return f"if [ $call -le {times} ]; then\n{lines}\nexit 1\nfi\n{then}"


@pytest.mark.parametrize("said", [FULL, AWAY, "sbatch: error: Required partition not available (inactive or drain)"])
def test_a_refusal_that_passes_is_waited_for_and_said_once(site: Site, said: str) -> None:
    site.command("sbatch", refusing(said, 3))
    site.command("squeue", "")
    done = site.run("sbatch", *JOB)
    assert (done.returncode, done.stdout) == (0, "7\n")
    assert len(site.asked("sbatch")) == 4
    waits, again = site.heard()
    assert "Slurm accepts no job for now" in waits and "Slurm accepts jobs again" in again
    assert submitted.numbers(site.folder, RUN) == ["7"]


def test_a_refusal_that_lasts_is_handed_back_as_it_is(site: Site) -> None:
    said = "sbatch: error: Batch job submission failed: Invalid partition name specified"
    site.command("sbatch", refusing(said, 99))
    done = site.run("sbatch", *JOB)
    assert (done.returncode, done.stderr, done.stdout) == (1, f"{said}\n", "")
    assert len(site.asked("sbatch")) == 1 and site.heard() == []


def test_a_passing_refusal_that_turns_into_a_lasting_one_ends(site: Site) -> None:
    site.command("sbatch", refusing(FULL, 1, "echo 'sbatch: error: Invalid qos specification' >&2; exit 1"))
    assert "Invalid qos" in site.run("sbatch", *JOB).stderr


def test_a_job_whose_number_was_lost_is_not_submitted_twice(site: Site) -> None:
    site.command("sbatch", refusing(LOST, 1))
    # the queue does not answer at once either; then it holds the job under its token
    site.command(
        "squeue",
        f"[ $call -eq 1 ] && exit 1\necho \"5|$(sed 's/.*rule_train/rule_train/; s/ --wrap.*//' {site.folder}/sbatch.asked)\"",
    )
    done = site.run("sbatch", *JOB)
    assert (done.returncode, done.stdout) == (0, "5\n")
    assert len(site.asked("sbatch")) == 1 and len(site.asked("squeue")) == 2
    assert submitted.numbers(site.folder, RUN) == ["5"]


@pytest.mark.parametrize(
    "printed",
    [
        "*** 2 nodes are down until 14:00 ***\\n7",
        "Welcome to cluster 9\\n\\n7;lab",
        "7\\nYou have used 31 of 500 GPU hours (6 %%)",
    ],
)
def test_only_the_number_is_printed_whatever_stands_around_it(site: Site, printed: str) -> None:
    site.command("sbatch", f"printf '{printed}\\n'")
    assert site.run("sbatch", *JOB).stdout == "7\n"


def test_a_number_that_a_site_hides_is_found_by_the_token(site: Site) -> None:
    site.command("sbatch", "echo 'Submitted batch job 7 for project 12'")
    site.command("squeue", f"echo \"7|$(sed 's/.*rule_train/rule_train/; s/ --wrap.*//' {site.folder}/sbatch.asked)\"")
    assert site.run("sbatch", *JOB).stdout == "7\n"


def test_a_job_does_not_find_the_stand_ins(site: Site) -> None:
    site.command(
        "sbatch", f'echo 7; command -v squeue > {site.folder}/found; echo "${VARIABLE}" >> {site.folder}/found'
    )
    site.command("squeue", "")
    site.run("sbatch", *JOB)
    assert (site.folder / "found").read_text() == f"{site.folder}/bin/squeue\n\n"


def test_a_script_on_standard_input_is_kept_for_the_next_attempt(site: Site) -> None:
    site.command("sbatch", f"cat > {site.folder}/script-$call\n" + refusing(FULL, 2))
    site.run("sbatch", *JOB[:-1], "/dev/stdin", input="#!/bin/sh\ntrue\n")
    assert {path.read_text() for path in site.folder.glob("script-*")} == {"#!/bin/sh\ntrue\n"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_controller_that_is_told_to_end_waits_for_no_submission(site: Site, number: signal.Signals) -> None:
    site.command("sbatch", refusing(FULL, 999))
    with subprocess.Popen(["sbatch", *JOB], cwd=site.folder, stderr=subprocess.PIPE, text=True) as waiting:
        while not site.asked("sbatch"):
            time.sleep(0.02)
        signal.raise_signal(number)
        _, said = waiting.communicate(timeout=60)
    assert waiting.returncode == 1 and "AssocMaxSubmitJobLimit" in said


def look(site: Site, name: str = "squeue") -> dict[str, str]:
    """The states that the executor is told of."""
    arguments = (
        ["--format=%i|%T", "--states=all", "--noheader"] if name == "squeue" else ["-X", "--parsable2", "--noheader"]
    )
    done = site.run(name, *arguments, "--name", RUN)
    assert done.returncode == 0, done.stderr
    return dict(line.split("|") for line in done.stdout.splitlines())


def later(site: Site) -> None:
    """Time passes, for what was seen until now."""
    path = site.folder / submitted.NOTES / f"{RUN}.states.json"
    memory = states.Memory(site.folder, RUN)
    memory.seen = {job: [state, since - states.SETTLED, told] for job, (state, since, told) in memory.seen.items()}
    path.write_text(__import__("json").dumps(memory.seen))


@pytest.mark.parametrize("name", ["squeue", "sacct"])
def test_jobs_are_known_by_number_under_any_name(site: Site, name: str) -> None:
    for number in ("7", "8"):
        submitted.note(site.folder, RUN, number)
    site.command(
        "squeue", f"printf '7|RUNNING|site_{RUN}\\n8|COMPLETED|other\\n9|FAILED|foreign\\n10|PENDING|{RUN}\\n'"
    )
    assert look(site, name) == {"7": "RUNNING", "8": "COMPLETED", "10": "PENDING"}


@pytest.mark.parametrize(("state", "settled"), [("PREEMPTED", "FAILED"), ("NODE_FAIL", "FAILED"), (None, "UNKNOWN")])
def test_a_job_that_will_not_run_again_counts_once_that_is_settled(site: Site, state: str | None, settled: str) -> None:
    submitted.note(site.folder, RUN, "7")
    site.command("squeue", f"echo '7|{state}|{RUN}'" if state else "")
    assert look(site) == ({"7": "COMPLETING"} if state else {})
    later(site)
    assert look(site) == {"7": settled} == look(site)
    assert len([line for line in site.heard() if "7" in line]) == 1


@pytest.mark.parametrize("state", ["PREEMPTED", "NODE_FAIL"])
def test_a_job_that_is_requeued_goes_on(site: Site, state: str) -> None:
    submitted.note(site.folder, RUN, "7")
    for said in (state, "PENDING", state):
        site.command("squeue", f"echo '7|{said}|{RUN}'")
        assert look(site) == {"7": "PENDING" if said == "PENDING" else "COMPLETING"}
        if said == "PENDING":
            later(site)
    assert site.heard() == []


@pytest.mark.parametrize("state", ["COMPLETED", "FAILED", "CANCELLED", "TIMEOUT"])
def test_a_job_that_ended_stays_so_when_slurm_forgets_it(site: Site, state: str) -> None:
    submitted.note(site.folder, RUN, "7")
    site.command("squeue", f"echo '7|{state}|{RUN}'")
    look(site)
    site.command("squeue", "")
    later(site)
    assert look(site) == {"7": state} and site.heard() == []


FULL_DISK = (
    "admire prepare-source: results: the disk is full (0 bytes free there); free some space, then the same command goes on. "
    "Nothing finished was lost"
)


def test_what_a_failed_job_says_of_storage_is_shown_once(site: Site) -> None:
    """Its rule's log lies on the full disk, and the executor shows no other."""
    logs = site.folder / ".snakemake/slurm_logs/rule_prepare_source"
    logs.mkdir(parents=True)
    for number in ("7", "8", "9"):
        submitted.note(site.folder, RUN, number)
        (logs / f"{number}.log").write_text(f"Job 0: prepare\n{FULL_DISK}\nadmire train: no such file\n")
    site.command("squeue", f"printf '7|FAILED|{RUN}\\n8|FAILED|{RUN}\\n9|RUNNING|{RUN}\\n'")
    assert look(site) == {"7": "FAILED", "8": "FAILED", "9": "RUNNING"} == look(site)
    assert site.heard() == [FULL_DISK]


def test_no_answer_is_no_forgotten_job(site: Site) -> None:
    submitted.note(site.folder, RUN, "7")
    site.command("squeue", "exit 1")
    assert site.run("squeue", "--name", RUN).returncode == 1
    site.command("squeue", f"echo '7|RUNNING|{RUN}'")
    assert look(site) == {"7": "RUNNING"} and site.heard() == []


def test_other_calls_go_through_as_they_are(site: Site) -> None:
    for name in ("sbatch", "squeue", "sacct"):
        site.command(name, "echo mine; exit 3")
        done = site.run(name, "--version", "a b")
        assert (done.stdout, done.returncode) == ("mine\n", 3)
        assert site.asked(name) == ["--version a b"]


def test_what_alarms_is_said_once_in_other_words(site: Site) -> None:
    for _ in range(3):
        site.stand_ins.logger.warning("No SLURM account given, trying to guess.")
        site.stand_ins.logger.warning("Unable to guess SLURM account. Trying to proceed without.")
        site.stand_ins.logger.warning("Job 3 failed")
    site.stand_ins.logger.info("No account was given, not able to get a SLURM account via sacct: disabled")
    said = site.heard()
    assert said.count("Job 3 failed") == 3
    assert [line for line in said if line != "Job 3 failed"] == [
        "no slurm_account in the profile: jobs are submitted without one, on the cluster's default"
    ]


def test_what_a_killed_controller_left_is_removed(site: Site) -> None:
    killed = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    name = site.stand_ins.channel.folder.name
    assert Channel(site.stand_ins.channel.folder).wanted
    left = site.folder / ROOM / f"{name.rsplit('-', 2)[0]}-{killed.pid}-1"
    elsewhere = site.folder / ROOM / "another-host-1-1"
    for path in (left, elsewhere):
        path.mkdir()
    killed.kill()
    killed.wait()
    another = StandIns(site.folder, logging.Logger("another"))
    another.open()
    assert not left.exists() and elsewhere.exists()
    another.close()
