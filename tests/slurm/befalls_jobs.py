"""What befalls a campaign's jobs, their nodes and their disk."""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time

import psutil
from befalls_controllers import twin
from lab import is_told, lives, wait_for

ON_PREEMPTIBLE = {"default-resources": {"slurm_partition": "preempt", "runtime": 10, "mem_mb": 1500}}


ON_CANCELLING = {"default-resources": {"slurm_partition": "cancel", "runtime": 10, "mem_mb": 1500}}


ON_GPU_NODE = {"default-resources": {"slurm_partition": "gpu", "runtime": 10, "mem_mb": 1500}}


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
    del bench.variables["PACE"]  # which needs torch also where an attempt only records
    shutil.rmtree(bench.results / "campaigns")
    bench.campaign(resources={"mem_gb": 0.05, "gpus": 1})
    bench.run("next_proposal")
    bench.run("next_iteration")
    bench.asked = bench.allocations()


def preempted(bench):
    bench.profile(**ON_PREEMPTIBLE)
    controller = bench.start("next_iteration")
    bench.in_training()
    for node in ("g1", "g2"):
        bench.lab.ask("sbatch", "-p", "gpu", "-w", node, "--exclusive", "--output=/dev/null", "--wrap", "sleep 3")
    bench.end(controller)


def preempted_before_a_checkpoint(bench):
    """Preemption that cancels, without a grace time: the training never hears of it. Nobody supervises."""
    bench.checkpoint_minutes = 10
    _preempted_for_good(bench, unheard=True)


def preempted_for_good(bench):
    """The same in mid-training, under a supervisor."""
    _preempted_for_good(bench, before=bench.supervise("--poll-seconds", "1"))


def _preempted_for_good(bench, unheard=False, **how):
    bench.profile(**ON_CANCELLING)
    controller = bench.start("next_iteration", **how)
    if unheard:
        wait_for(bench.attempts, "a training")
        hold_still(bench.attempts()[-1]["pid"])
    else:
        bench.in_training()
    for node in ("g1", "g2"):
        bench.lab.ask("sbatch", "-p", "gpu", "-w", node, "--exclusive", "--output=/dev/null", "--wrap", "sleep 3")
    wait_for(lambda: "was preempted and will not run again" in bench.log.read_text(), "the executor to be told")
    bench.end(controller)


def hold_still(pid):
    """Let a process do nothing more, whoever wakes it up, until it is killed."""

    def hold():
        with contextlib.suppress(ProcessLookupError):
            while lives(pid):
                os.kill(pid, signal.SIGSTOP)
                time.sleep(0.01)

    threading.Thread(target=hold, daemon=True).start()


def suspended(bench):
    """A job is suspended, another campaign wants its trial and takes it over, and in the middle of that the job is resumed.

    The freezer holds what Slurm suspends: not even SIGKILL ends it, so it is resumed whatever happens.
    """
    twin(bench)
    one = bench.start("next_iteration")
    job = bench.in_training()
    asleep = bench.attempts()[-1]["pid"]
    bench.asleep.add(asleep)
    bench.lab.ask("scontrol", "suspend", job)
    try:
        wait_for(lambda: job in bench.lab.jobs("SUSPENDED"), "a suspended job")
        two = bench.start("next_iteration", configs=("twin.yaml",))
        wait_for(lambda: bench.attempts()[-1]["pid"] != asleep, "a training that took the lease")
        contender = psutil.Process(bench.attempts()[-1]["pid"])
        contender.suspend()
    finally:
        bench.lab.ask("scontrol", "resume", job)
    wait_for(lambda: not lives(asleep), "the end of the training that was suspended")
    contender.resume()
    bench.end(two)
    bench.end(one)


def clock_ahead(bench):
    """A node whose clock is five minutes ahead wants a trial that is being trained on another one.

    The training gets on slowly, without ceasing to renew its lease, until the other has found out that it lives.
    """
    twin(bench)
    bench.variables["CLOCK_AHEAD"] = "c2"
    bench.profile(**on_node("c1"))
    one = bench.start("next_iteration")
    bench.in_training()
    training = psutil.Process(bench.attempts()[-1]["pid"])
    bench.profile(**on_node("c2"))
    two = bench.start("next_iteration", configs=("twin.yaml",))
    with slowly(training):
        wait_for(lambda: waits_behind(bench) or len(bench.attempts()) > 1, "the other one to look")
    bench.waited = waits_behind(bench)
    bench.end(one)
    bench.end(two)


def on_node(name):
    """A profile whose trials run on one node."""
    where = {"slurm_extra": f"'--nodelist={name} --signal=TERM@60 --open-mode=append'"}
    return {"set-resources": {"train": where, "evaluate": where}}


def waits_behind(bench):
    """Whether a job of this folder waits in the queue for the end of another one."""
    said = bench.lab.ask("squeue", "--noheader", "--states=PENDING", "--format=%r|%Z").splitlines()
    return f"Dependency|{bench.folder}" in said


@contextlib.contextmanager
def slowly(process):
    """A process runs for a second in three."""
    done = threading.Event()

    def pulse():
        while not done.wait(1):
            process.suspend()
            done.wait(2)
            process.resume()

    thread = threading.Thread(target=pulse, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def full_disk(bench):
    """The disk of the results fills up: as a source is prepared, and in mid-training. Each time there is room again."""
    ready, ballast = bench.subcommands, bench.results / "ballast"
    bench.subcommands = bench.folder / "filling"
    bench.subcommands.mkdir()
    (bench.subcommands / "admire").write_text(FILLING.format(ballast=ballast, ready=ready / "admire"))
    (bench.subcommands / "admire").chmod(0o755)
    with small_disk(bench):
        [card] = bench.results.glob("sources/strings/*/card.json")
        shutil.rmtree(card.parent)
        shutil.rmtree(bench.results / "campaigns")
        bench.profile(retries=0)
        bench.unprepared = bench.run("next_proposal", expect=1)
        bench.subcommands = ready
        ballast.unlink()
        bench.run("next_proposal")
        bench.log.unlink()
        controller = bench.start("next_iteration")
        bench.in_training()
        wait_for(lambda: fill(ballast) or controller.poll() is not None, "the end of the campaign")
        bench.end(controller, expect=1)
        bench.untrained, bench.status = bench.log.read_text(), bench.admire("status", "tiny")
        ballast.unlink()
        bench.run("next_iteration")
        shutil.copytree(bench.results, bench.folder / "kept", symlinks=True)
    bench.results.rmdir()
    (bench.folder / "kept").rename(bench.results)


# the disk fills before a source is prepared
FILLING = """#!/bin/sh
[ "$1" != prepare-source ] || dd if=/dev/zero of={ballast} bs=4k 2>/dev/null
exec {ready} "$@"
"""


@contextlib.contextmanager
def small_disk(bench):
    """The results lie on a disk of their own; what is on it is lost afterwards."""
    before = bench.results.rename(bench.folder / "before")
    bench.results.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", bench.results], check=True)
    try:
        shutil.copytree(before, bench.results, symlinks=True, dirs_exist_ok=True)
        yield
    finally:
        subprocess.run(["umount", "-l", bench.results], check=True)


def fill(ballast, left=100_000):
    """Leave so many bytes of a disk: no room for a checkpoint, but for a note."""
    disk = os.statvfs(ballast.parent)
    with open(ballast, "ab") as stream, contextlib.suppress(OSError):
        os.posix_fallocate(stream.fileno(), stream.tell(), max(disk.f_bavail * disk.f_frsize - left, 1))


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


BROKEN = """#!/bin/sh
if [ "$1" = train ] && [ "$SLURMD_NODENAME" = c1 ]; then
    echo "libcuda.so.1: cannot open shared object file" >&2
    exit 1
fi
exec {admire} "$@"
"""


def broken_node(bench):
    """On one node no training even starts."""
    admire = bench.folder / "broken/admire"
    admire.parent.mkdir()
    admire.write_text(BROKEN.format(admire=bench.subcommands / "admire"))
    admire.chmod(0o755)
    bench.subcommands = admire.parent
    bench.run("next_iteration")
