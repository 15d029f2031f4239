"""What befalls a campaign's controller, its folder and its YAML."""

import contextlib
import os
import shutil
import signal
import time

import psutil
import yaml
from lab import wait_for

from admire.trials import slurm_jobs
from admire.trials.lease import PERIOD


def undisturbed(bench):
    """A whole campaign, to its report, on a cluster without accounting; with the waits of the shipped profile's executor."""
    del bench.variables["SOONER"]
    shutil.rmtree(bench.results / "campaigns")
    bench.plan = bench.run("-n")
    bench.log.unlink()
    bench.run()


def controller_killed(bench):
    _controller_ended_by(bench, signal.SIGKILL)


def controller_hung_up(bench):
    _controller_ended_by(bench, signal.SIGHUP)


def controller_terminated(bench):
    _controller_ended_by(bench, signal.SIGTERM)


def controller_interrupted(bench):
    _controller_ended_by(bench, signal.SIGINT)


def _controller_ended_by(bench, number):
    """The training stands still until the controller has ended, which takes its time; SIGTERM lets it wait for the training."""
    controller = bench.start("next_iteration")
    job = bench.in_training()
    training = psutil.Process(bench.attempts()[-1]["pid"])
    if number != signal.SIGTERM:
        training.suspend()
    os.kill(controller.pid, number)
    controller.wait()
    bench.left = job in bench.lab.jobs()
    with contextlib.suppress(psutil.NoSuchProcess):
        training.resume()
    bench.run("next_iteration")


def second_controller(bench):
    controller = bench.start("next_iteration")
    bench.in_training()
    bench.refusal = bench.run("next_iteration", expect=1)
    bench.end(controller)


def supervised(bench):
    """Under `admire supervise` nobody needs to type the command again."""
    supervisor = bench.start("next_iteration", before=bench.supervise("--poll-seconds", "1"))
    bench.in_training()
    wait_for(lambda: bench.controllers(), "the controller")[0].kill()
    bench.end(supervisor)


def supervised_failure(bench):
    """What really fails is not tried for ever."""
    bench.campaign(sourcs={})
    bench.run("next_iteration", before=bench.supervise("--poll-seconds", "1"), expect=1)


def moved(bench):
    """The controller is killed, the folder renamed while its training goes on, the command typed at the new place."""
    controller = bench.start("next_iteration")
    bench.in_training()
    controller.kill()
    controller.wait()
    bench.move(bench.folder.with_name("elsewhere"))
    bench.run("next_iteration")


def copied(bench):
    """A copy of a campaign in mid-training goes on by itself, as does the original."""
    controller = bench.start("next_iteration")
    bench.in_training()
    twin = bench.copy(bench.folder.with_name("twin"))
    bench.end(controller)
    bench.twin = twin
    twin.run("next_iteration")
    shutil.rmtree(twin.folder / ".snakemake")


ON_SHUT = {"default-resources": {"slurm_partition": "shut", "runtime": 10, "mem_mb": 1500}}


def told_while_it_waits(bench):
    """A controller whose submission waits is told to end, and the same command goes on."""
    bench.profile(**ON_SHUT)
    controller = bench.start("next_iteration")
    wait_for(lambda: "Slurm accepts no job for now" in bench.log.read_text(), "a submission that waits")
    os.kill(controller.pid, signal.SIGTERM)
    controller.wait(60)
    bench.profile()
    bench.run("next_iteration")


def renamed(bench):
    """A site that rewrites the names of jobs."""
    supervisor = bench.start("next_iteration", before=bench.supervise("--poll-seconds", "1"))
    job = bench.in_training()
    bench.name = bench.lab.ask("squeue", "--noheader", "--jobs", job, "--format=%j")
    bench.known = {one.id: one.run for one in slurm_jobs.jobs(bench.folder)}
    bench.end(supervisor)


def banner(bench):
    """A site whose sbatch says good morning, with numbers in it."""
    real = shutil.which("sbatch")
    sbatch = bench.folder / "site/sbatch"
    sbatch.parent.mkdir()
    sbatch.write_text(
        f'#!/bin/sh\necho "*** 3 nodes are down until 14:00 ***"\n{real} "$@" && echo "31 of 500 hours used"\n'
    )
    sbatch.chmod(0o755)
    bench.run("next_iteration", before=("env", f"PATH={sbatch.parent}:{bench.environment()['PATH']}"))


def edited(bench):
    """Somebody edits the YAML while its controller runs, which goes on as it began; the next one refuses it, with both values."""
    controller = bench.start("next_iteration")
    bench.in_training()
    before = (bench.folder / "tiny.yaml").read_text()
    bench.campaign(training=yaml.safe_load(before)["training"] | {"learning_rate": 0.5})
    bench.end(controller)
    bench.refusal = bench.run("next_iteration", expect=1)
    (bench.folder / "tiny.yaml").write_text(before)


def frozen(bench):
    """A controller is frozen until its lease is stale; another supervisor takes over, and then the first one wakes up."""
    first = bench.start("next_iteration", before=bench.supervise("--poll-seconds", "1"))
    bench.in_training()
    training = psutil.Process(bench.attempts()[-1]["pid"])
    training.suspend()
    frozen = bench.controllers()[0]
    frozen.suspend()
    [lease] = bench.results.glob("campaigns/*/running.json")
    wait_for(lambda: time.time() - lease.stat().st_mtime > 3 * PERIOD, "a lease that is not renewed")
    second = bench.start("next_iteration", before=bench.supervise("--poll-seconds", "1"))
    wait_for(lambda: bench.controllers()[0] != frozen, "another controller")
    training.resume()
    bench.end(second)
    frozen.resume()
    bench.end(first)


def shared(bench):
    """Two campaigns of one folder want the same trial at the same time."""
    twin(bench)
    one = bench.start("next_iteration")
    bench.in_training()
    two = bench.start("next_iteration", configs=("twin.yaml",))
    bench.end(one)
    bench.end(two)


def twin(bench):
    """Another campaign of the folder, whose first decision is the same."""
    raw = yaml.safe_load((bench.folder / "tiny.yaml").read_text()) | {"name": "twin"}
    (bench.folder / "twin.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    bench.run("next_proposal", configs=("twin.yaml",))
