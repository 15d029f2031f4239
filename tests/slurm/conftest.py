"""One cluster for all tests, and the faults' scenarios played on it side by side: most of their time is waiting.

A named test only judges what its scenario brought. Those that disturb nobody else share the CPU nodes; preemption and dying
nodes take their turns on the nodes with GPUs; what is asked of an undisturbed Slurm is asked meanwhile. What changes Slurm itself,
or stops it, comes after all of them, on its own or two at a time.
"""

import contextlib
import os
import time
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
import scenarios
from cluster_campaign import ClusterCampaign, Witness, local_commands
from lab import Lab, cluster

# a node is dead after 20 s
SETTINGS = {"SLURMD_TIMEOUT": "20", "GRACE": "5"}
SIDE_BY_SIDE = 5
BEGAN = time.monotonic()
TOOK = {}  # scenario -> (when it began, how many seconds it took)


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.exit("a cluster on this machine needs root; see tests/slurm/slurmlab.sh", 1)
    with cluster(tmp_path_factory.mktemp("lab"), **SETTINGS) as lab:
        yield lab


@pytest.fixture(scope="session")
def subcommands(tmp_path_factory):
    with local_commands(tmp_path_factory.mktemp("subcommands")) as folders:
        yield folders


@pytest.fixture(scope="session")
def prepared(lab, subcommands, tmp_path_factory):
    """Sources prepared by jobs on the cluster, and the first decision."""
    bench = ClusterCampaign(tmp_path_factory.mktemp("prepared"), lab, subcommands["nothing"])
    bench.profile()
    bench.campaign()
    bench.run("next_proposal")
    return bench


@pytest.fixture(scope="session")
def play(prepared, subcommands, tmp_path_factory):
    """Plays a scenario in a folder of its own, under the eyes of a witness."""

    def play(name, lab=prepared.lab):
        bench = prepared.copy(tmp_path_factory.mktemp(name) / "campaign")
        bench.lab = lab
        bench.log.unlink(missing_ok=True)
        bench.subcommands = subcommands[scenarios.REAL.get(name, "nothing")]
        witness = Witness(bench)
        witness.start()
        began = time.monotonic()
        try:
            scenarios.scenario(name)(bench)
        finally:
            TOOK[name] = (began - BEGAN, time.monotonic() - began)
        witness.judge()
        return bench

    return play


def pytest_collection_modifyitems(items):
    """What needs neither a scenario nor accounting comes first: it is asked while scenarios are played."""
    items.sort(key=lambda item: not {"played", "alone", "accounting"}.isdisjoint(item.fixturenames))


def wanted_of(request):
    """The scenarios that tests are about."""
    return {
        item.callspec.params["name"]
        for item in request.session.items
        if hasattr(item, "callspec") and "name" in item.callspec.params
    }


@pytest.fixture(scope="session", autouse=True)
def _begun(request):
    if not wanted_of(request).isdisjoint([*scenarios.GENTLE, *scenarios.ON_GPU_NODES]):
        request.getfixturevalue("played")


@pytest.fixture(scope="session")
def played(lab, play, request):
    """name -> the bench of a scenario that was played; it raises what went wrong there."""
    wanted = wanted_of(request)
    side_by_side = [name for name in scenarios.GENTLE if name in wanted]
    in_turn = [name for name in scenarios.ON_GPU_NODES if name in wanted]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool, ThreadPoolExecutor(1) as lane:
        found = {name: lane.submit(play, name) for name in in_turn}
        found |= {name: pool.submit(play, name) for name in side_by_side}
        yield lambda name: found[name].result()


@pytest.fixture(scope="session")
def alone(lab, played, play, request):
    """name -> the bench of a scenario that is played when all those side by side have ended, some of them in pairs."""
    for name in wanted_of(request) & {*scenarios.GENTLE, *scenarios.ON_GPU_NODES}:
        with contextlib.suppress(Exception):
            played(name)
    found = {}
    for names in scenarios.IN_PAIRS:
        with ThreadPoolExecutor(len(names)) as pool, lab.setting("MinJobAge", "10"):
            found |= {name: pool.submit(play, name, lab) for name in names if name in wanted_of(request)}
            wait(found.values())
    return lambda name: found[name].result() if name in found else play(name, lab)


@pytest.fixture(scope="session")
def accounting(lab, played, alone):
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
