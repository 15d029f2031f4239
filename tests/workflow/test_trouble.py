"""What breaks every training of a campaign: it stops asking, says so once, and goes on when that is mended."""

import csv
import json
import os
import subprocess
from pathlib import Path

import pytest
from campaign_folder import CampaignFolder
from forked_commands import forked_commands

from admire.cli.main import main

pytestmark = pytest.mark.loop

# files in the campaign's folder
BROKEN = "broken"  # its text is what every training breaks with
FILL = "fill"  # before which subcommand the disk fills, and how many bytes that leaves
TAKEN = "taken"  # which subcommand is killed, how often, and what its Slurm job's log says of that


def breaking(arguments):
    """`admire` on a machine that may be broken."""
    if Path(FILL).exists() and Path(FILL).read_text().split()[0] == arguments[0]:
        fill(Path("results"), int(Path(FILL).read_text().split()[1]))
    if arguments[0] == "train" and Path(BROKEN).exists():
        from admire.train import trainer_run

        def fail(*_):
            raise RuntimeError(Path(BROKEN).read_text())

        trainer_run.train = fail
    if Path(TAKEN).exists() and Path(TAKEN).read_text().split()[0] == arguments[0]:
        lose_the_machine()
    return main(arguments)


def lose_the_machine():
    """This process is killed in the middle of its work, as if with its Slurm job."""
    from admire.evaluate import run as scoring
    from admire.train import trainer_run

    subcommand, times, said = Path(TAKEN).read_text().split(maxsplit=2)
    os.environ["SLURM_JOB_ID"] = f"90{times}"
    log = Path(f".snakemake/slurm_logs/group_trial/90{times}.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(said)
    Path(TAKEN).write_text(f"{subcommand} {int(times) - 1} {said}") if int(times) > 1 else Path(TAKEN).unlink()
    trainer_run.train = scoring._scored = lambda *_: os._exit(137)


def fill(results, left):
    disk = os.statvfs(results)
    if (size := disk.f_bavail * disk.f_frsize - left) > 0 and not (results / "ballast").exists():
        subprocess.run(["fallocate", "-l", str(size), str(results / "ballast")], check=True)


@pytest.fixture(scope="module")
def fragile(tmp_path_factory):
    with forked_commands(tmp_path_factory.mktemp("fragile"), answer=breaking) as folder:
        yield folder


@pytest.fixture
def bench(tmp_path, fragile):
    return CampaignFolder(tmp_path, fragile)


def rows(bench):
    return list(csv.DictReader((bench.results / "campaigns/tiny/results.csv").open()))


def tried(bench):
    """How many attempts each trial that was ever begun has had."""
    return [path.read_text().count('"begin"') for path in bench.results.glob("trials/*/*/attempts.jsonl")]


def test_a_batch_is_not_begun_to_its_end_and_goes_on_after_retry_all(bench, capsys):
    (bench.folder / BROKEN).write_text("libcuda.so.1: cannot open shared object file")
    over = bench.config(optimizer={"initial": 8, "method": "random"}, budget={"total": 1.85})
    configs = ("tiny.yaml", over)
    (bench.folder / "tiny.yaml").write_text((Path(__file__).parent / "tiny.yaml").read_text())
    out = bench.snakemake(configs=configs, expect=1)
    assert out.count("asks for no further trial: the first") == 1, out
    assert "libcuda.so.1: cannot open shared object file" in out and "admire retry --all tiny" in out
    assert "Traceback" not in out
    assert 3 <= len(tried(bench)) <= 4 and set(tried(bench)) == {3}, "two are side by side"
    assert not list(bench.results.glob("campaigns/tiny/step_*/lane_*/update.json")), "nothing was learnt from it"
    status = bench.admire("status", "tiny")
    assert status.count("libcuda.so.1") == 2 and "stopped: no further trial is proposed" in status
    began = sum(tried(bench))
    assert "asks for no further trial" in bench.snakemake(configs=configs, expect=1), "nor by the same command"
    assert sum(tried(bench)) == began
    (bench.folder / BROKEN).unlink()
    assert "that were not begun meanwhile" in bench.admire("retry", "--all", "tiny")
    bench.snakemake(configs=configs)
    assert [row["state"] for row in rows(bench)] == ["done"] * 9, "eight at the start, and the final one"


def test_a_campaign_of_few_trials_does_not_spend_its_last_on_the_same_error(bench):
    (bench.folder / BROKEN).write_text("out of range")
    over = bench.config(optimizer={"initial": 1}, budget={"total": 0.31})
    out = bench.snakemake(configs=(Path(__file__).parent / "tiny.yaml", over), expect=1)
    assert "the only trial so far failed (RuntimeError: out of range)" in out, out
    assert "0.21 of 0.31 CPU-minutes are left" in out and tried(bench) == [3]


PREEMPTED = "error: *** JOB 900 ON g1 CANCELLED AT 2026-11-24T21:52:36 DUE TO PREEMPTION ***"
KILLED = "error: *** JOB 900 ON g1 CANCELLED AT 2026-11-24T21:52:36 DUE TO NODE FAILURE ***"


@pytest.mark.parametrize(
    ("subcommand", "said", "ends"),
    [
        ("train", PREEMPTED, ["preempted"] * 4 + ["ok"]),
        ("evaluate", PREEMPTED, ["preempted"] * 4 + ["ok"]),
        ("train", KILLED, []),
    ],
    ids=["training", "evaluation", "a node that fails"],
)
def test_a_machine_that_is_taken_back_before_a_checkpoint_costs_no_try(bench, subcommand, said, ends):
    (bench.folder / TAKEN).write_text(f"{subcommand} 4 {said}")  # one more than there are tries
    over = bench.config(optimizer={"initial": 1}, budget={"total": 0.31})
    bench.snakemake(configs=(Path(__file__).parent / "tiny.yaml", over), expect=0 if ends else 1)
    [notes] = bench.results.glob(
        f"trials/S/*/{'share_1/evaluate/loss-*.' if subcommand == 'evaluate' else ''}attempts.jsonl"
    )
    lines = [json.loads(line) for line in notes.read_text().splitlines()]
    assert [line["outcome"] for line in lines if line["event"] == "end"] == ends, lines
    status = bench.admire("status", "tiny")
    assert ("its node failed (Slurm job 902 on " in status) == (not ends) == ("failed: " in status), status


@pytest.fixture
def small_disk(bench):
    """The results folder on a disk of its own."""
    if os.geteuid() != 0 or subprocess.run(["mountpoint", "-q", "/proc"]).returncode:
        pytest.skip("only root may mount a disk")
    bench.results.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(bench.results)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a disk")

    yield
    subprocess.run(["umount", "-l", str(bench.results)], check=True)


@pytest.mark.parametrize(
    ("subcommand", "left"),
    [
        ("build-data", 0),
        ("train", 120_000),
        ("evaluate", 0),
        ("update", 0),
    ],
)
def test_a_full_disk_costs_no_try_and_no_row_and_the_same_command_goes_on(bench, small_disk, subcommand, left):
    over = bench.config(optimizer={"initial": 2}, budget={"total": 0.45})
    configs = (Path(__file__).parent / "tiny.yaml", over)
    (bench.folder / FILL).write_text(f"{subcommand} {left}")
    out = bench.snakemake(configs=configs, expect=1)
    assert "the disk is full" in out and "free some space" in out, out
    assert "Traceback" not in out
    assert out.count("the training broke") == 0
    status = bench.admire("status", "tiny")
    assert "storage: " in status and "are free at" in status and "FAILED" not in status
    (bench.folder / FILL).unlink()
    (bench.results / "ballast").unlink()
    bench.snakemake(configs=configs)
    assert {row["state"] for row in rows(bench)} == {"done"}
    assert set(bench.trainings().values()) == {1}
    assert "left without an outcome" not in bench.admire("status", "tiny")
