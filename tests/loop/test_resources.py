"""What a training's job asks a scheduler for: of the model's resources, the site, and how earlier attempts ended."""

from dataclasses import replace

import pytest

from admire.campaign.layout import Layout
from admire.campaign.schema.resources import Resources
from admire.campaign.site import SNAKEMAKE_MB, Site
from admire.loop.resources import ATTEMPTS, RECORDING_MINUTES, job_request, tries
from admire.trials import slurm_jobs
from admire.trials.attempts import LEGS, Attempts
from admire.trials.nodes import BREAKS_FOR_ALL, Nodes

SITE = Site("the profile", partition="cpu", gpu_partition="gpu", gpu_type="a100")
LARGE = Resources(gpus=2, nodes=3, threads=4, minutes=60, mem_gb=10)
CPU = Resources(processes=3, threads=2, minutes=5, mem_gb=1.5)


@pytest.fixture
def trial(tmp_path):
    return Layout(tmp_path).trial("S", "abc")


@pytest.fixture
def attempts(trial):
    trial.folder.mkdir(parents=True)
    return Attempts(trial.attempts)


def ended(attempts, *outcomes, step=0):
    """Attempts that began from the start and ended so; None was killed."""
    for outcome in outcomes:
        attempts.begin(1, 0)
        if outcome:
            attempts.end(1, outcome, step, 1.0)


def test_gpus_on_several_nodes_are_asked_for_per_node_and_in_all(attempts):
    request = job_request(LARGE, SITE, attempts, 1, alone=False)
    assert (request.nodes, request.gpus, request.threads, request.minutes) == (3, 6, 8, 60)
    assert (request.partition, request.gpu_type, request.gres) == ("gpu", "a100", "gpu:a100:2")
    assert (request.mpi, request.tasks, request.tasks_per_gpu) == ("srun", 3, 0)
    assert (request.memory_mb, request.attempt) == (10_000 + SNAKEMAKE_MB, 1)


def test_without_gpus_the_processes_of_one_node_have_the_threads(attempts):
    request = job_request(CPU, SITE, attempts, 1, alone=False)
    assert (request.nodes, request.gpus, request.threads, request.partition) == (1, 0, 6, "cpu")
    assert request.gpu_type is request.gres is request.mpi is request.tasks is request.tasks_per_gpu is None


def test_several_nodes_without_gpus_ask_for_tasks_alone(attempts):
    request = job_request(CPU.model_copy(update={"nodes": 2}), SITE, attempts, 1, alone=False)
    assert (request.mpi, request.tasks, request.gres) == ("srun", 2, None)


def test_a_profile_without_settings_leaves_the_choice_to_the_cluster(attempts):
    request = job_request(LARGE, Site("the profile"), attempts, 1, alone=False)
    assert (request.partition, request.gpu_type, request.gres) == (None, None, "gpu:2")
    assert job_request(LARGE, replace(SITE, gpu_partition=None), attempts, 1, alone=False).partition == "cpu"


def test_an_evaluation_in_a_job_of_its_own_asks_for_less(attempts):
    request = job_request(LARGE, SITE, attempts, 1, alone=True)
    assert (request.nodes, request.gpus, request.threads, request.mpi) == (1, 1, 4, None)
    assert request.partition == "gpu"


@pytest.mark.parametrize("alone", [False, True])
def test_the_attempt_that_records_a_failure_needs_no_gpu(attempts, alone):
    ended(attempts, *["error"] * ATTEMPTS)
    request = job_request(LARGE, SITE, attempts, ATTEMPTS + 1, alone)
    assert (request.attempt, request.minutes) == (ATTEMPTS + 1, RECORDING_MINUTES)
    assert (request.nodes, request.gpus, request.threads, request.partition) == (1, 0, 4, "cpu")
    assert request.memory_mb == 10_000 + SNAKEMAKE_MB
    processes = job_request(CPU, SITE, attempts, ATTEMPTS + 1, alone)
    assert processes.threads == 2


@pytest.mark.parametrize(
    ("outcomes", "attempt", "real"),
    [
        ((), 1, 1),
        ((), 9, 1),  # jobs that were refused or never began
        (("error",), 2, 2),
        ((None,), 2, 2),
        (("error", "error", "error"), 4, 4),
        (("error", "error", "error"), 1, 1),  # a new run begins to count anew
        (("interrupted",) * 5, 6, 1),
        (("interrupted", "error"), 3, 2),
        (("preempted",) * 5, 6, 1),
        (("preempted",) * (LEGS + 1), LEGS + 2, 2),
        (("storage",), 2, 1),
    ],
)
def test_only_attempts_that_broke_count_as_tries(attempts, outcomes, attempt, real):
    ended(attempts, *outcomes)
    assert tries(attempts, attempt) == real


@pytest.mark.parametrize(("minutes", "lead"), [(5, 60), (24, 288), (25, 300), (600, 300)])
def test_a_training_is_warned_before_its_time_is_up(attempts, trial, tmp_path, minutes, lead):
    request = job_request(LARGE.model_copy(update={"minutes": minutes}), SITE, attempts, 1, alone=False)
    assert request.slurm_extra(Nodes(tmp_path), trial) == f"--signal=TERM@{lead} --open-mode=append"


@pytest.mark.parametrize(("resources", "asked"), [(LARGE, ("gpu", "gpu:a100")), (CPU, ("cpu", None))])
def test_nodes_on_which_trainings_break_at_once_are_left_out(attempts, trial, tmp_path, monkeypatch, resources, asked):
    looked = []
    monkeypatch.setattr(slurm_jobs, "usable_nodes", lambda *where: looked.append(where) or ["a", "b", "c", "d", "e"])
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURMD_NODENAME", "b")
    ended(attempts, *["error"] * BREAKS_FOR_ALL)
    extra = job_request(resources, SITE, attempts, 1, alone=False).slurm_extra(Nodes(tmp_path), trial)
    assert extra.endswith(" --open-mode=append --exclude=b") and looked == [asked]
