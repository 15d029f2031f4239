"""One cluster for all tests, and the faults' scenarios played on it side by side: most of their time is waiting.

A named test only judges what its scenario brought. Those that disturb nobody else share the CPU nodes; preemption and dying
nodes take their turns on the nodes with GPUs; an absent controller of Slurm comes after all of them.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import scenarios
from lab import Lab, cluster
from slurm_bench import SlurmBench, Witness, local_verbs

# a node is dead after 20 s
SETTINGS = {"SLURMD_TIMEOUT": "20", "GRACE": "5"}
SIDE_BY_SIDE = 4
BEGAN = time.monotonic()
TOOK = {}  # scenario -> (when it began, how many seconds it took)


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.exit("a cluster on this machine needs root; see tests/slurm/slurmlab.sh", 1)
    with cluster(tmp_path_factory.mktemp("lab"), **SETTINGS) as lab:
        yield lab


@pytest.fixture(scope="session")
def verbs(tmp_path_factory):
    with local_verbs(tmp_path_factory.mktemp("verbs")) as folder:
        yield folder


@pytest.fixture(scope="session")
def prepared(lab, verbs, tmp_path_factory):
    """Sources prepared by jobs on the cluster, and the first decision."""
    bench = SlurmBench(tmp_path_factory.mktemp("prepared"), lab, verbs)
    bench.profile()
    bench.campaign()
    bench.run("next_proposal")
    return bench


@pytest.fixture(scope="session")
def play(prepared, tmp_path_factory):
    """Plays a scenario in a folder of its own, under the eyes of a witness."""

    def play(name, lab=prepared.lab):
        bench = prepared.copy(tmp_path_factory.mktemp(name) / "campaign")
        bench.lab = lab
        bench.log.unlink(missing_ok=True)
        witness = Witness(bench)
        witness.start()
        began = time.monotonic()
        try:
            getattr(scenarios, name)(bench)
        finally:
            TOOK[name] = (began - BEGAN, time.monotonic() - began)
        witness.judge()
        return bench

    return play


@pytest.fixture(scope="session")
def played(lab, play, request):
    """name -> the bench of a scenario that was played; it raises what went wrong there."""
    wanted = {item.callspec.params["name"] for item in request.session.items if "name" in item.fixturenames}
    side_by_side = [name for name in scenarios.GENTLE if name in wanted]
    in_turn = [name for name in scenarios.ON_GPU_NODES if name in wanted]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool, ThreadPoolExecutor(1) as lane:
        found = {name: lane.submit(play, name) for name in in_turn}
        found |= {name: pool.submit(play, name) for name in side_by_side}
        yield lambda name: found[name].result()


@pytest.fixture(scope="session")
def accounting(lab, played):
    """The same cluster with accounting, for what comes after all that is played without."""
    lab.down()
    with_accounting = Lab(lab.folder, lab.settings | {"ACCT": "1", "ENFORCE": "associations,limits,qos"})
    with_accounting.up()
    return with_accounting


def pytest_terminal_summary(terminalreporter):
    """How long each scenario took: a test only waits for what is played beside others."""
    if TOOK:
        terminalreporter.section("seconds of the scenarios, and when each began")
    for name, (began, seconds) in sorted(TOOK.items(), key=lambda entry: entry[1]):
        terminalreporter.write_line(f"{began:6.0f} {seconds:6.0f}  {name}")
