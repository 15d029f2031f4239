"""What befalls Slurm itself: its partitions, its limits, its daemons and what they remember."""

import shutil
import time

import psutil
from lab import wait_for

ON_CLOSING = {"default-resources": {"slurm_partition": "closing", "runtime": 10, "mem_mb": 1500}}


def partition_drained(bench):
    """The partition takes no jobs, when the campaign starts and as it submits; Slurm says so in two ways."""
    bench.profile(**ON_CLOSING)
    bench.lab.ask("scontrol", "update", "PartitionName=closing", "State=DRAIN")
    controller = bench.start("next_iteration", before=bench.supervise("--poll-seconds", "1"))
    wait_for(lambda: "Slurm accepts no job for now" in bench.log.read_text(), "a submission that waits")
    bench.waited = not bench.attempts()
    bench.lab.ask("scontrol", "update", "PartitionName=closing", "State=UP")
    bench.end(controller)


def slurmctld_away(bench, seconds=60):
    """Slurm's controller is away while a training ends, and comes back."""
    controller = bench.start("next_iteration")
    bench.in_training()
    bench.lab.kill_daemon("slurmctld")
    time.sleep(seconds)
    bench.lab.up()
    bench.end(controller)


def slurmdbd_away(bench, seconds=60):
    """The same of its accounting database. Meanwhile another campaign submits (`bench.late`)."""
    bench.late = bench.copy(bench.folder.with_name("late"))
    controller = bench.start("next_iteration")
    bench.in_training()
    bench.lab.kill_daemon("slurmdbd")
    back = time.monotonic() + seconds
    late = bench.late.start("next_iteration")
    bench.late.in_training()
    time.sleep(max(back - time.monotonic(), 0))
    bench.lab.up()
    bench.end(controller)
    bench.late.end(late)


def slurmctld_away_without_accounting(bench):
    """Slurm's controller is away as the executor looks for ended jobs: it then asks accounting, which there is not. Nobody
    supervises it. Meanwhile another campaign starts, and submits (`bench.late`).
    """
    bench.late = bench.copy(bench.folder.with_name("late"))
    controller = bench.start("next_iteration")
    bench.in_training()
    training = psutil.Process(bench.attempts()[-1]["pid"])
    training.suspend()
    bench.lab.kill_daemon("slurmctld")
    late = bench.late.start("next_iteration")
    wait_for(lambda: "Slurm accepts no job for now" in bench.late.log.read_text(), "a submission that waits")
    wait_for(lambda: "squeue is queried for their states all the same" in bench.log.read_text(), "a status check")
    bench.lab.up()
    training.resume()
    bench.end(controller)
    bench.late.end(late)


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
