"""Random faults over a whole campaign on a real cluster: `python tests/slurm/soak.py [--faults 40] [--seed 0] [--out FOLDER]`.

A supervised campaign of at least 20 trials on a preemptible partition; at random moments a job is cancelled, preempted or its
training killed, a node or its daemon dies, the controller is killed, or frozen until a second supervisor has taken over, Slurm's
own controller is away or has lost its state, the partition is drained. Each fault is played once before chance decides. Prints a
table and leaves it under benchmarks/slurm/.
"""

import argparse
import collections
import contextlib
import csv
import datetime
import os
import random
import shlex
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

from cluster_campaign import ROOT, ClusterCampaign, Witness, lines_of
from lab import cluster, lives, processes_of, wait_for

SETTINGS = {"SLURMD_TIMEOUT": "20", "GRACE": "5"}  # a node is dead after 20 s
LANES = 2
EPOCHS = 200  # trainings that take longer than the starts around them, on an idle machine
PAUSE = (8, 20)  # seconds between two faults
BACK_AFTER = 25  # seconds after which a dead node or daemon is back: longer than a node's timeout


def scancel(lab, bench, job):
    lab.ask("scancel", job)


def preemption(lab, bench, job):
    node = lab.node_of(job)
    lab.ask("sbatch", "-p", "gpu", "-w", node, "--exclusive", "--output=/dev/null", "--wrap", "sleep 2")


def training_killed(lab, bench, job):
    for process in processes_of(job):
        if "train" in process.cmdline()[2:4]:
            process.kill()


def node_failure(lab, bench, job):
    lab.kill_node(job)
    time.sleep(BACK_AFTER)


def slurmd_killed(lab, bench, job):
    lab.kill_daemon(f"slurmd-{lab.node_of(job)}")
    time.sleep(BACK_AFTER)


def controller_killed(lab, bench, job):
    for process in bench.controllers():
        process.kill()


def slurmctld_away(lab, bench, job):
    lab.kill_daemon("slurmctld")
    time.sleep(BACK_AFTER)


def slurmctld_lost_its_state(lab, bench, job):
    lab.kill_daemon("slurmctld")
    shutil.rmtree(lab.folder / "spool/ctld")


def controller_frozen(lab, bench, job):
    """Until a second supervisor's controller has taken over; then it wakes up beside that one."""
    frozen = bench.controllers()
    for process in frozen:
        process.suspend()
    try:
        supervised(bench)
        wait_for(
            lambda: all(one not in frozen for one in bench.controllers()) or not going(bench), "another controller"
        )
    finally:
        for process in frozen:
            process.resume()


def partition_drained(lab, bench, job):
    lab.ask("scontrol", "update", "PartitionName=preempt", "State=DRAIN")
    time.sleep(BACK_AFTER)
    lab.ask("scontrol", "update", "PartitionName=preempt", "State=UP")


FAULTS = {
    scancel: 8,
    preemption: 10,
    training_killed: 8,
    node_failure: 3,
    slurmd_killed: 2,
    controller_killed: 7,
    slurmctld_away: 2,
    slurmctld_lost_its_state: 1,
    controller_frozen: 2,
    partition_drained: 2,
}


SUPERVISORS = []


def supervised(bench):
    """Start a supervisor of the campaign."""
    SUPERVISORS.append(bench.start(before=bench.supervise("--poll-seconds", "1")))


def going(bench):
    """The supervisors that have not ended."""
    return [one for one in SUPERVISORS if one.poll() is None]


def soak(lab, bench, faults, rng):
    """Run the campaign among faults; returns how often each was played, and the supervisors' exit codes."""
    played = collections.Counter()
    first = rng.sample(list(FAULTS), len(FAULTS))
    supervised(bench)
    while going(bench):
        time.sleep(rng.uniform(*PAUSE))
        running = [
            job for job in lab.jobs("RUNNING") if lab.ask("squeue", "-h", "-j", job, "-o", "%j").startswith("admire")
        ]
        if sum(played.values()) >= faults or not running:
            continue
        fault = first.pop() if first else rng.choices(list(FAULTS), list(FAULTS.values()))[0]
        print(f"{time.strftime('%H:%M:%S')} {fault.__name__}", flush=True)
        fault(lab, bench, rng.choice(running))
        played[fault.__name__] += 1
        lab.up()
    return played, [one.returncode for one in SUPERVISORS]


class Waste(threading.Thread):
    """Watches what each training had done since its last checkpoint when it was killed, in seconds."""

    def __init__(self, bench):
        super().__init__(daemon=True)
        self.bench, self.stop = bench, threading.Event()
        self.since, self.trained = {}, {}  # process -> seconds since its last checkpoint, and since it began
        self.load, self.looks = 0.0, 0  # processes that wanted a core, on average

    def run(self):
        while not self.stop.wait(0.1):
            self.looks += 1
            self.load += (os.getloadavg()[0] - self.load) / self.looks
            for path in self.bench.results.glob("trials/*/*/attempts.jsonl"):
                begun = [line for line in lines_of(path) if line["event"] == "begin"]
                if begun and lives(begun[-1]["pid"]):
                    self._note(path.parent, begun[-1])

    def _note(self, trial, line):
        start = datetime.datetime.fromisoformat(line["time"]).timestamp()
        saved = [start]
        for mark in trial.glob("ckpt/checkpoint-*/whole.json"):
            with contextlib.suppress(FileNotFoundError):
                saved.append(mark.stat().st_mtime)
        self.since[line["pid"]] = time.time() - max(saved)
        self.trained[line["pid"]] = time.time() - start

    def of_the_killed(self):
        """Seconds of each training that had no last word."""
        lines = [line for path in self.bench.results.glob("trials/*/*/attempts.jsonl") for line in lines_of(path)]
        # of a preempted one the next attempt notes the end
        ended = {line["pid"] for line in lines if line["event"] == "end" and line["outcome"] != "preempted"}
        return [seconds for process, seconds in self.since.items() if process not in ended]


def legs(bench):
    """Of all trials: attempts, those without a last word, and the steps that were begun with over those ended with."""
    counted = collections.Counter()
    for path in bench.results.glob("trials/*/*/attempts.jsonl"):
        reached = 0
        for line in lines_of(path):
            if line["event"] == "begin":
                counted["attempts"] += 1
                counted["lost"] += max(reached - line["resumed_step"], 0)
            elif line["event"] == "end":
                reached = line["step"]
                counted[line["outcome"]] += 1
            else:
                counted["requeued"] += 1
    counted["killed"] = counted["attempts"] - sum(counted[key] for key in ("ok", "failed", "interrupted", "error"))
    return counted


def table(bench, played, codes, witness, waste, minutes):
    rows = list(csv.DictReader((bench.results / "campaigns/tiny/results.csv").open()))
    states = collections.Counter(row["state"] for row in rows)
    counted = legs(bench)
    killed, trained = waste.of_the_killed(), sum(waste.trained.values())
    interval = 60 * bench.checkpoint_minutes
    beyond = sum(max(seconds - interval, 0) for seconds in killed)
    lines = [f"# A soak on a real Slurm cluster, {datetime.date.today()}", ""]
    command = shlex.join(["python", "tests/slurm/soak.py", *sys.argv[1:]])
    every = f"checkpoints every {60 * bench.checkpoint_minutes:g} s"
    lines += [
        f"`{command}`: one machine, four nodes, {EPOCHS} epochs per training; {every}. A node stands for a GPU.",
        f"The machine has {os.cpu_count()} cores; the load was {waste.load:.1f} on average, of everything that ran there.",
        "",
    ]
    lines += ["| | |", "|---|---:|"]
    lines += [f"| {name.replace('_', ' ')} | {count} |" for name, count in sorted(played.items())]
    lines += [
        f"| **faults** | {sum(played.values())} |",
        f"| trials: {', '.join(f'{count} {state}' for state, count in states.items())} | {len(rows)} |",
        f"| attempts at trainings | {counted['attempts']} |",
        f"| stopped with a checkpoint; of these, requeued by themselves | {counted['interrupted']}, {counted['requeued']} |",
        f"| killed without a record of their end | {counted['killed']} |",
        f"| steps lost after a checkpoint on request | {counted['lost']} |",
        f"| seconds of all trainings, starts included | {trained:.0f} |",
        f"| of them lost by killed trainings, since their last checkpoint | {sum(killed):.0f} ({sum(killed) / trained:.1%}) |",
        f"| of those, beyond one checkpoint interval each, mostly starts | {beyond:.0f} ({beyond / trained:.1%}) |",
        f"| trials trained to the end more than once | {counted['ok'] - states['done']} |",
        f"| two trainings of a trial at once | {len(witness.two_at_once)} |",
        f"| exit codes of the campaign's supervisors | {', '.join(map(str, codes))} |",
        f"| minutes | {minutes:.0f} |",
    ]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/slurm")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, cluster(Path(folder, "lab"), **SETTINGS) as lab:
        bench = ClusterCampaign(Path(folder, "campaign"), lab)
        bench.folder.mkdir()
        bench.profile(**{"default-resources": {"slurm_partition": "preempt", "runtime": 10, "mem_mb": 1500}})
        # each trial costs 0.2, the final one included
        del bench.variables["PACE"]
        bench.campaign(epochs=EPOCHS, budget={"total": 0.2 * args.trials, "unit": "CPU-minutes", "lanes": LANES})
        witness = Witness(bench)
        waste = Waste(bench)
        witness.start()
        waste.start()
        began = time.monotonic()
        played, codes = soak(lab, bench, args.faults, random.Random(args.seed))
        witness.stop.set()
        waste.stop.set()
        found = table(bench, played, codes, witness, waste, (time.monotonic() - began) / 60)
    print(found)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "soak.md").write_text(found)


if __name__ == "__main__":
    main()
