"""One cluster for all tests, and the faults' scenarios played on it side by side: most of their time is waiting.

A named test only judges what its scenario brought. Those that disturb nobody else share the CPU nodes; preemption and dying
nodes take their turns on the nodes with GPUs; what is asked of an undisturbed Slurm is asked meanwhile. What changes Slurm itself,
or stops it, is played at the same time on a second cluster.
"""

import os
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait

import pytest
import scenarios
from cluster_campaign import ClusterCampaign, Witness, local_commands
from lab import BESIDE, cluster

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
    if {"alone", "accounting"} & {name for item in request.session.items for name in item.fixturenames}:
        request.getfixturevalue("disturbed")


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
def disturbed(prepared, play, request, tmp_path_factory):
    """name -> the bench of a scenario that changes Slurm itself or stops it, and the cluster on which it was played.

    They are played on a second cluster, so that the first is not disturbed, and begin with the others.
    """
    wanted = wanted_of(request)
    found = {name: Future() for name in (*scenarios.FORGETFUL, *scenarios.IN_TURN, *scenarios.WITH_ACCOUNTING)}
    with cluster(tmp_path_factory.mktemp("disturbed"), **SETTINGS, **BESIDE) as second, ThreadPoolExecutor(1) as lane:

        def played(name):
            if name in wanted:
                settle(found[name], play, name, second)

        def all_played():
            with ThreadPoolExecutor(len(scenarios.FORGETFUL)) as pool, second.setting("MinJobAge", "10"):
                wait([pool.submit(played, name) for name in scenarios.FORGETFUL])
            for name in scenarios.IN_TURN:
                played(name)
            second.down()
            second.take(ACCT="1", ENFORCE="associations,limits,qos")
            second.up()
            for name in scenarios.WITH_ACCOUNTING:
                played(name)
            return second

        yield lambda name: found[name].result(), lane.submit(all_played)


def settle(future, call, *arguments):
    """Give a future what a call returns or raises."""
    try:
        future.set_result(call(*arguments))
    except BaseException as error:
        future.set_exception(error)


@pytest.fixture(scope="session")
def alone(disturbed):
    """name -> the bench of a scenario that changes Slurm itself or stops it."""
    return disturbed[0]


@pytest.fixture(scope="session")
def accounting(disturbed):
    """The second cluster, which has accounting when all was played there."""
    return disturbed[1].result()


def pytest_terminal_summary(terminalreporter):
    """How long each scenario took: a test only waits for what is played beside others."""
    if TOOK:
        terminalreporter.section("seconds of the scenarios, and when each began")
    for name, (began, seconds) in sorted(TOOK.items(), key=lambda entry: entry[1]):
        terminalreporter.write_line(f"{began:6.0f} {seconds:6.0f}  {name}")
