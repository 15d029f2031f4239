"""What befalls a campaign, one function a fault. Each gets the folder of a campaign whose first training is decided, and
leaves it when the same command has ended with exit code 0."""

import contextlib
import os
import shutil
import signal
import time

import psutil
import yaml
from lab import is_told, wait_for

from admire.trials import slurm
from admire.trials.lease import PERIOD

ON_PREEMPTIBLE = {"default-resources": {"slurm_partition": "preempt", "runtime": 10, "mem_mb": 1500}}
ON_CANCELLING = {"default-resources": {"slurm_partition": "cancel", "runtime": 10, "mem_mb": 1500}}
ON_CLOSING = {"default-resources": {"slurm_partition": "closing", "runtime": 10, "mem_mb": 1500}}
ON_SHUT = {"default-resources": {"slurm_partition": "shut", "runtime": 10, "mem_mb": 1500}}
ON_GPU_NODE = {"default-resources": {"slurm_partition": "gpu", "runtime": 10, "mem_mb": 1500}}


def undisturbed(bench):
    """A whole campaign, to its report, on a cluster without accounting."""
    shutil.rmtree(bench.results / "campaigns")
    bench.plan = bench.run("-n")
    bench.log.unlink()
    bench.run()


def time_limit(bench):
    """A training that is told two minutes ahead; then its job's limit comes that near. Not grouped.

    Slurm looks at limits every 30 s, and the whole training may take less: it is stopped until it has been told.
    """
    shutil.rmtree(bench.results / "campaigns")
    extra = "'--signal=TERM@120 --open-mode=append'"
    bench.profile(**{"groups": None, "set-resources": {"train": {"runtime": 60, "slurm_extra": extra}}})
    bench.run("next_proposal")
    controller = bench.start("next_iteration")
    job = bench.in_training()
    training = psutil.Process(bench.attempts()[-1]["pid"])
    training.suspend()
    bench.lab.limit(job, 2 + bench.lab.minutes(job))
    wait_for(lambda: is_told(training), "the warning")
    training.resume()
    wait_for(lambda: any(line["event"] == "requeued" for line in bench.attempts()), "a requeue")
    bench.lab.limit(job, 60)
    bench.end(controller)


def scancelled(bench):
    controller = bench.start("next_iteration")
    bench.lab.ask("scancel", bench.in_training())
    bench.end(controller)


def out_of_memory(bench):
    """Memory for the Snakemake inside the job, none for a training; it asks for a GPU."""
    shutil.rmtree(bench.results / "campaigns")
    bench.campaign(resources={"mem_gb": 0.05, "gpus": 1})
    bench.run("next_proposal")
    bench.run("next_iteration")
    bench.asked = bench.allocations()


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


def preempted(bench):
    bench.profile(**ON_PREEMPTIBLE)
    controller = bench.start("next_iteration")
    bench.in_training()
    for node in ("g1", "g2"):
        bench.lab.ask("sbatch", "-p", "gpu", "-w", node, "--exclusive", "--output=/dev/null", "--wrap", "sleep 3")
    bench.end(controller)


def preempted_for_good(bench):
    """Preemption that cancels, without a grace time and without a supervisor."""
    _preempted_for_good(bench)


def preempted_for_good_supervised(bench):
    """The same under a supervisor."""
    _preempted_for_good(bench, before=bench.supervise("--poll-seconds", "1"))


def _preempted_for_good(bench, **how):
    bench.profile(**ON_CANCELLING)
    controller = bench.start("next_iteration", **how)
    bench.in_training()
    for node in ("g1", "g2"):
        bench.lab.ask("sbatch", "-p", "gpu", "-w", node, "--exclusive", "--output=/dev/null", "--wrap", "sleep 3")
    wait_for(lambda: "was preempted and will not run again" in bench.log.read_text(), "the executor to be told")
    bench.end(controller)


def partition_drained(bench):
    """The partition takes no jobs, when the campaign starts and as it submits; Slurm says so in two ways."""
    bench.profile(**ON_CLOSING)
    bench.lab.ask("scontrol", "update", "PartitionName=closing", "State=DRAIN")
    controller = bench.start("next_iteration", before=bench.supervise("--poll-seconds", "1"))
    wait_for(lambda: "Slurm accepts no job for now" in bench.log.read_text(), "a submission that waits")
    bench.waited = not bench.attempts()
    bench.lab.ask("scontrol", "update", "PartitionName=closing", "State=UP")
    bench.end(controller)


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
    bench.known = {one.id: one.run for one in slurm.jobs(bench.folder)}
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
    twin = yaml.safe_load((bench.folder / "tiny.yaml").read_text()) | {"name": "twin"}
    (bench.folder / "twin.yaml").write_text(yaml.safe_dump(twin, sort_keys=False))
    bench.run("next_proposal", configs=("twin.yaml",))
    one = bench.start("next_iteration")
    bench.in_training()
    two = bench.start("next_iteration", configs=("twin.yaml",))
    bench.end(one)
    bench.end(two)


def node_failed(bench):
    bench.profile(**ON_GPU_NODE)
    controller = bench.start("next_iteration")
    bench.lab.kill_node(bench.in_training())
    bench.end(controller)
    bench.lab.up()


def slurmd_killed(bench):
    """The node's daemon dies, its tasks live on: Slurm runs the job elsewhere, beside the orphan."""
    bench.profile(**ON_GPU_NODE)
    controller = bench.start("next_iteration")
    job = bench.in_training()
    bench.lab.kill_daemon(f"slurmd-{bench.lab.node_of(job)}")
    bench.end(controller)
    bench.lab.up()


def slurmctld_away(bench):
    """Slurm's controller is away while a training ends, and comes back."""
    _daemon_away(bench, "slurmctld")


def slurmdbd_away(bench):
    """The same of its accounting database."""
    _daemon_away(bench, "slurmdbd")


def _daemon_away(bench, name, seconds=60):
    controller = bench.start("next_iteration")
    bench.in_training()
    bench.lab.kill_daemon(name)
    time.sleep(seconds)
    bench.lab.up()
    bench.end(controller)


def forgotten(bench):
    """Slurm forgets a job while its controller is stopped, which nobody supervises."""
    process = bench.start("next_iteration")
    job = bench.in_training()
    controller = bench.controllers()[0]
    controller.suspend()
    wait_for(lambda: job not in bench.lab.jobs(every=True), "Slurm to forget the job")
    controller.resume()
    bench.end(process)


def lost_state(bench):
    """slurmctld comes back without knowing any job."""
    controller = bench.start("next_iteration")
    bench.in_training()
    bench.lab.kill_daemon("slurmctld")
    shutil.rmtree(bench.lab.folder / "spool/ctld")
    bench.lab.up()
    bench.end(controller)


def slurmctld_away_at_the_start(bench):
    """Slurm's controller is away when the campaign starts and as it submits."""
    bench.lab.kill_daemon("slurmctld")
    controller = bench.start("next_iteration")
    wait_for(lambda: "Slurm accepts no job for now" in bench.log.read_text(), "a submission that waits")
    bench.lab.up()
    bench.end(controller)


def slurmdbd_away_at_a_submission(bench):
    """Slurm's accounting database is away as the campaign submits."""
    bench.lab.kill_daemon("slurmdbd")
    controller = bench.start("next_iteration")
    bench.in_training()
    bench.lab.up()
    bench.end(controller)


def limit_full(bench):
    """Another job fills the user's limit of submitted jobs, when the campaign starts and as it submits."""
    limit(bench.lab, 1)
    other = bench.lab.ask("sbatch", "--parsable", "--hold", "--output=/dev/null", "--wrap", "true")
    controller = bench.start("next_iteration", before=bench.supervise("--poll-seconds", "1"))
    wait_for(lambda: "Slurm accepts no job for now" in bench.log.read_text(), "a submission that waits")
    bench.waited = not bench.attempts()
    bench.lab.ask("scancel", other)
    bench.end(controller)
    limit(bench.lab, -1)


def limit(lab, jobs):
    """How many jobs the user of the lab may have submitted; -1 for any number."""
    lab.ask("sacctmgr", "-iQ", "modify", "user", "root", "set", f"MaxSubmitJobs={jobs}")


def slurmctld_away_without_accounting(bench):
    """Slurm's controller is away as the executor looks for ended jobs: it then asks accounting, which there is not. Nobody
    supervises it.
    """
    controller = bench.start("next_iteration")
    bench.in_training()
    training = psutil.Process(bench.attempts()[-1]["pid"])
    training.suspend()
    bench.lab.kill_daemon("slurmctld")
    wait_for(lambda: "asked of squeue all the same" in bench.log.read_text(), "a status check")
    bench.lab.up()
    training.resume()
    bench.end(controller)


GENTLE = [
    "out_of_memory",
    "undisturbed",
    "time_limit",
    "scancelled",
    "controller_killed",
    "controller_hung_up",
    "controller_terminated",
    "controller_interrupted",
    "second_controller",
    "supervised",
    "supervised_failure",
    "moved",
    "copied",
    "partition_drained",
    "told_while_it_waits",
    "renamed",
    "banner",
    "edited",
    "frozen",
    "shared",
]
# the first of the others uses a GPU too, and has ended when nodes begin to die
ON_GPU_NODES = ["preempted", "preempted_for_good", "preempted_for_good_supervised", "slurmd_killed", "node_failed"]
