"""kill -9 of anything, then the same command again: it goes on, and the outcome is that of an undisturbed run."""

import json
import os
import random
import signal
import subprocess
import time

import psutil
import pytest
from campaign_folder import CampaignFolder

pytestmark = pytest.mark.loop


@pytest.fixture
def bench(tmp_path):
    """With the real command: processes that can be killed."""
    return CampaignFolder(tmp_path)


def digests(bench):
    found = {}
    for path in sorted(bench.results.glob("campaigns/tiny/*/**/proposal.json")):
        entries = json.loads(path.read_text())["trials"]
        found[str(path.relative_to(bench.results))] = [entry["spec"]["digest"] for entry in entries]
    return found


def recommendation(bench):
    newest = sorted(bench.results.glob("campaigns/tiny/step_*/lane_0/update.json"))[-1]
    return json.loads(newest.read_text())["recommendation"]["weights"]


def files_of(bench):
    return sum(path.is_file() for path in bench.results.rglob("*.json"))


def wait_for(files, bench, seconds):
    """Until the campaign has so many files, or for some seconds; so ten kills fit into it on a fast machine too."""
    end = time.monotonic() + seconds
    while files_of(bench) < files and time.monotonic() < end:
        time.sleep(0.05)


def test_killed_ten_times_ends_as_an_undisturbed_run(finished, bench):
    rng = random.Random(20261122)
    for kill in range(10):
        process = subprocess.Popen(
            bench.command(),
            env=bench.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_for(files_of(bench) + rng.randint(1, 4), bench, seconds=rng.uniform(2, 9))
        assert process.poll() is None, f"it came to its end before kill {kill + 1} of 10"
        if kill % 2:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()  # its trainings live on as orphans
        process.wait()
    bench.snakemake()
    assert digests(bench) == digests(finished)
    assert recommendation(bench) == recommendation(finished)
    assert set(bench.trainings().values()) == {1}
    for path in bench.results.rglob("*.json"):
        json.loads(path.read_text())


def test_sources_made_again_in_mid_campaign_neither_end_the_run_nor_change_decisions(finished, tmp_path):
    bench = finished.copy(tmp_path / "copy")
    for path in bench.results.glob("tokenizers/*/.snakemake_timestamp"):
        os.utime(path)  # the tokenizer is newer than every card: no reason to make one again
    for path in bench.results.glob("sources/strings/*/card.json"):
        path.unlink()
    last = bench.results / "campaigns/tiny/step_0003/lane_0"
    (last / "update.json").unlink()
    (bench.results / "campaigns/tiny/report.html").unlink()
    out = bench.snakemake()
    assert out.count("prepare source") == out.count("prepare source strings") == 1
    assert (last / "update.json").is_file() and (bench.results / "campaigns/tiny/report.html").is_file()
    assert digests(bench) == digests(finished)
    assert set(bench.trainings().values()) == {1}


def test_a_forced_run_changes_no_decision_and_trains_nothing(finished, tmp_path):
    bench = finished.copy(tmp_path / "copy")
    bench.snakemake("--forcerun", "propose", "train")
    assert digests(bench) == digests(finished)
    assert recommendation(bench) == recommendation(finished)
    assert set(bench.trainings().values()) == {1}


def test_controller_killed_while_sources_are_prepared_goes_on(bench):
    process = subprocess.Popen(bench.command(), env=bench.environment(), start_new_session=True)
    while not list(bench.results.glob("sources/strings/*/card.json")):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    bench.snakemake("next_proposal")
    assert (bench.results / "campaigns/tiny/step_0000/lane_0/proposal.json").is_file()
    assert len(list(bench.results.glob("sources/*/*/card.json"))) == 3


def test_second_controller_is_refused(bench):
    process = subprocess.Popen(
        bench.command(),
        env=bench.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        lease = bench.results / "campaigns/tiny/running.json"
        deadline = time.monotonic() + 600
        while not lease.is_file() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert lease.is_file()
        out = bench.snakemake(expect=1)
        assert "is being run by process" in out and "Traceback" not in out
    finally:
        children = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        psutil.wait_procs(children, timeout=30)
