"""A real Slurm cluster on this machine (slurmlab.sh), and what can befall it."""

import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import psutil

SCRIPT = Path(__file__).with_name("slurmlab.sh")
# no accounting, room for all that is played side by side, and what was played is remembered however slow the machine is
SETTINGS = {"ACCT": "0", "CPUS": "8", "MEM": "32000", "MINJOBAGE": "36000", "JOB_SUBMIT": "lua"}
# of a second cluster on the same machine
BESIDE = {"CTLD_PORT": "16827", "DBD_PORT": "16829", "SQL_PORT": "13316", "SLURMD_PORT0": "17011", "FIRST_JOB": "50001"}
PATIENCE = 900  # seconds for anything to happen: only a hang takes longer, on however loaded a machine


def wait_for(condition, what, patience=PATIENCE):
    """Until something is so; returns what it is."""
    limit = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < limit, f"waited in vain for {what}"
        time.sleep(0.1)
    return found


@contextlib.contextmanager
def cluster(folder, **settings):
    """A cluster that is up for a while."""
    lab = Lab(folder, SETTINGS | settings)
    try:
        lab.up()
        yield lab
    finally:
        lab.down()


class Lab:
    """The cluster: two CPU nodes c1, c2, two nodes g1, g2 with two make-believe GPUs each."""

    def __init__(self, folder, settings):
        self.folder, self.settings = Path(folder), settings
        self.environment = os.environ | {"SLURMLAB": str(folder)} | settings
        self.conf = str(self.folder / "etc/slurm.conf")

    def take(self, **settings):
        """Other settings, from the next start on."""
        self.settings |= settings
        self.environment |= settings

    def up(self):
        """Start whatever does not run."""
        done = subprocess.run(["bash", SCRIPT, "up"], env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, f"the cluster does not come up: {done.stdout}{done.stderr}"

    def down(self):
        subprocess.run(["bash", SCRIPT, "down"], env=self.environment, check=True)

    def ask(self, *command):
        done = subprocess.run(command, env=os.environ | {"SLURM_CONF": self.conf}, capture_output=True, text=True)
        return done.stdout.strip()

    def jobs(self, *states, every=False):
        """Numbers of the jobs in the queue, or of those in some states."""
        chosen = ["--states", ",".join(states)] if states else ["--states", "all"] if every else []
        return self.ask("squeue", "--noheader", "--format=%i", *chosen).split()

    @contextlib.contextmanager
    def setting(self, key, value):
        """Another setting of the cluster for a while."""
        path = Path(self.conf)
        before = path.read_text()
        path.write_text(re.sub(rf"^{key}=.*$", f"{key}={value}", before, flags=re.MULTILINE))
        self.ask("scontrol", "reconfigure")
        yield
        path.write_text(before)
        self.ask("scontrol", "reconfigure")

    def node_of(self, job):
        return self.ask("squeue", "--noheader", "--jobs", job, "--format=%N")

    def minutes(self, job):
        """How long it has run, whole minutes."""
        *hours, minutes, _ = self.ask("squeue", "--noheader", "--jobs", job, "--format=%M").split(":")
        return int(minutes) + 60 * sum(map(int, hours))

    def limit(self, job, minutes):
        """Give a job another time limit."""
        self.ask("scontrol", "update", f"JobId={job}", f"TimeLimit={minutes}")

    def kill_daemon(self, name):
        """kill -9 of slurmctld, slurmdbd or slurmd-<node>."""
        path = self.folder / f"run/{name}.pid"
        pid = int(path.read_text())
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not lives(pid), f"the end of {name}")

    def kill_node(self, job):
        """The node of a job dies, and all that runs on it."""
        self.kill_daemon(f"slurmd-{self.node_of(job)}")
        for process in processes_of(job):
            process.kill()


def lives(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def is_told(process):
    """Whether a stopped process has a SIGTERM waiting for it; one that runs on was told already."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    waiting = int(re.search(r"^ShdPnd:\s*(\w+)", status, re.MULTILINE)[1], 16)
    return bool(waiting >> (signal.SIGTERM - 1) & 1) or "State:\tT" not in status


def processes_of(job):
    """What runs in a Slurm job: its step daemons and its tasks."""
    found = []
    for process in psutil.process_iter():
        try:
            title = " ".join(process.cmdline())
            if title.startswith(f"slurmstepd: [{job}.") or process.environ().get("SLURM_JOB_ID") == job:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found
