"""kill -9 of anything, then the same command again: it goes on, and the outcome is that of an undisturbed run."""

import json
import os
import random
import signal
import subprocess
import time

import psutil
import pytest
from campaign_bench import environment

pytestmark = pytest.mark.loop


def digests(bench):
    found = {}
    for path in sorted(bench.results.glob("campaigns/tiny/*/**/proposal.json")):
        entries = json.loads(path.read_text())["trials"]
        found[str(path.relative_to(bench.results))] = [entry["spec"]["digest"] for entry in entries]
    return found


def recommendation(bench):
    newest = sorted(bench.results.glob("campaigns/tiny/step_*/lane_0/update.json"))[-1]
    return json.loads(newest.read_text())["recommendation"]["weights"]


def test_killed_ten_times_ends_as_an_undisturbed_run(finished, bench):
    rng = random.Random(20261122)
    for kill in range(10):
        process = subprocess.Popen(
            bench.command(),
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(timeout=rng.uniform(6, 16))
            break  # it came to its end between kills
        except subprocess.TimeoutExpired:
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


def test_second_controller_is_refused(bench):
    process = subprocess.Popen(
        bench.command(), env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        lease = bench.results / "campaigns/tiny/running.json"
        deadline = time.monotonic() + 60
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
