"""What a controller costs over many trials: `python tests/workflow/many_trials.py [--trials 1000] [--lanes 8] [--out FOLDER]`.

A whole campaign by the real Snakemake with real decisions (random search, so that they take no time of their own); trainings are
replaced by sleeps and scores by numbers. Verbs are answered by forks of one process that has everything imported: what is measured
is the controller. Leaves a table under results/benchmarks/slurm/.
"""

import argparse
import datetime
import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import yaml
from campaign_bench import ROOT, TINY, Bench

SLEEP = 1.0  # seconds of a training
TENTHS = 10  # lines of the table that shows how the cost grows
# stands before the real command on the path: hands its arguments and terminal to the process that is ready
CLIENT = """#!{python} -IS
import json, os, socket, sys
ready = socket.socket(socket.AF_UNIX)
ready.connect({address!r})
socket.send_fds(ready, [json.dumps([os.getcwd(), sys.argv[1:]]).encode()], [0, 1, 2])
sys.exit(int(ready.makefile().readline()))
"""


class Verb(socketserver.BaseRequestHandler):
    """One call of `admire`."""

    def handle(self):
        said, terminal, _, _ = socket.recv_fds(self.request, 1 << 16, 3)
        for number, stream in enumerate(terminal):
            os.dup2(stream, number)
        folder, arguments = json.loads(said)
        os.chdir(folder)
        self.request.sendall(f"{answer(arguments)}\n".encode())


class Ready(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    """A process that has imported what verbs import."""

    max_children = 64
    request_queue_size = 64


def answer(arguments):
    """What the verb does; a training sleeps, and its score is how even the mixture is."""
    from admire.campaign.layout import TrialLayout
    from admire.cli.main import main
    from admire.trials.records import EvaluationRecord, Score, TrainRecord, publish
    from admire.trials.spec import Spec

    verb, *rest = arguments
    if verb not in ("train", "evaluate"):
        return main(arguments)
    trial = TrialLayout(Path(rest[0]))
    spec = Spec.load(trial)
    if verb == "train":
        time.sleep(SLEEP)
        publish(trial.train(), TrainRecord(status="ok", digest=spec.digest, seconds=SLEEP))
        return 0
    from admire.campaign.config import load
    from admire.campaign.recipes import suite_digest

    campaign = load(Path(rest[rest.index("--campaign") + 1]))
    counts = spec.counts(tuple(campaign.sources))
    scores = {metric.partition("/")[2]: Score(value=float(count)) for metric, count in zip(campaign.metrics, counts)}
    digest = suite_digest(campaign, "loss")
    record = EvaluationRecord(status="ok", suite="loss", split="validation", digest=digest, metrics=scores)
    publish(trial.evaluation("loss", digest), record)
    return 0


def serve(address):
    import admire.cli.propose
    import admire.optimize.decisions
    import admire.optimize.learning
    import admire.optimize.random_search
    import admire.report.page  # noqa: F401

    Ready(address, Verb).serve_forever()


class Meter(threading.Thread):
    """The controller's own CPU seconds and memory, and how many trials are scored by then."""

    def __init__(self, bench, controller):
        super().__init__(daemon=True)
        self.bench, self.controller, self.rows = bench, psutil.Process(controller.pid), []

    def run(self):
        while True:
            try:
                used, memory = self.controller.cpu_times(), self.controller.memory_info().rss
            except psutil.NoSuchProcess:
                return
            scored = len(list(self.bench.results.glob("campaigns/*/step_*/lane_*/update.json")))
            self.rows.append((time.monotonic(), scored, used.user + used.system, memory))
            time.sleep(2)


def campaign(folder, trials, lanes):
    """As many trials as asked for, the final training included."""
    raw = yaml.safe_load(TINY.read_text())
    raw["models"] = [raw["models"][1] | {"cost": 1}]
    raw["optimizer"] = {"method": "random", "initial": lanes}
    raw["budget"] = {"total": trials, "unit": "sleeps", "lanes": lanes}
    raw["mixture"]["rows"] = 512  # enough different mixtures
    raw["mixture"]["max_epochs"] = 16
    path = folder / "many.yaml"
    path.write_text(yaml.safe_dump(raw, sort_keys=False))
    return path


def measure(trials, lanes):
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        config = campaign(bench.folder, trials, lanes)
        server = subprocess.Popen([sys.executable, __file__, "--serve", f"{folder}/ready"], env=bench.environment())
        client = bench.folder / "bin/admire"
        client.parent.mkdir()
        client.write_text(CLIENT.format(python=sys.executable, address=f"{folder}/ready"))
        client.chmod(0o755)
        while not Path(folder, "ready").exists():
            time.sleep(0.1)
        try:
            command = bench.command(where=("--cores", str(lanes + 2)), configs=(config,))
            path = f"{client.parent}:{os.environ['PATH']}"
            with open(bench.folder / "terminal.log", "w") as terminal:
                controller = subprocess.Popen(
                    command, cwd=folder, env=bench.environment() | {"PATH": path}, stdout=terminal, stderr=terminal
                )
                meter = Meter(bench, controller)
                meter.start()
                code = controller.wait()
            assert code == 0, (bench.folder / "terminal.log").read_text()[-4000:]
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()
        missing, decided = missing_decisions(bench, lanes)
        return meter.rows, missing, decided


def missing_decisions(bench, lanes):
    """Decisions without an update, or gaps in a lane's steps; and how many trials were decided."""
    root = bench.results / "campaigns/tiny"
    made = {(path.parent.parent.name, path.parent.name) for path in root.glob("step_*/lane_*/proposal.json")}
    learnt = {(path.parent.parent.name, path.parent.name) for path in root.glob("step_*/lane_*/update.json")}
    whole = {
        (f"step_{step:04d}", f"lane_{lane}")
        for lane in range(lanes)
        for step in range(0 if lane == 0 else 1, 1 + max(int(s[5:]) for s, found in made if found == f"lane_{lane}"))
    }
    decisions = [path for path in root.glob("*/**/proposal.json") if "kept" not in path.parts]
    decided = sum(len(json.loads(path.read_text())["trials"]) for path in decisions)
    return len(made ^ learnt) + len(whole ^ made), decided


def table(rows, missing, decided, lanes):
    minutes, cpu, memory = (rows[-1][0] - rows[0][0]) / 60, rows[-1][2], max(row[3] for row in rows)
    lines = [f"# {decided:,} trials over {lanes} lanes: what the controller costs, {datetime.date.today()}", "", "```"]
    lines += [f"python tests/workflow/many_trials.py --trials {decided} --lanes {lanes}", "```", ""]
    lines += [
        f"Real Snakemake with its local executor, real decisions (random search); trainings are sleeps of {SLEEP:g} s."
    ]
    lines += [f"{os.cpu_count()} cores; the load meanwhile was {os.getloadavg()[2]:.0f}.", ""]
    lines += ["| | |", "|---|---:|"]
    lines += [
        f"| trials decided, trained, learnt from | {decided:,} |",
        f"| decisions that are missing | {missing} |",
        f"| the controller's CPU, seconds a trial | {cpu / decided:.2f} |",
        f"| the controller's memory at most, MB | {memory / 1e6:.0f} |",
        f"| minutes | {minutes:.0f} |",
        "",
        "| updates | CPU seconds since the line above, an update | memory (MB) |",
        "|---:|---:|---:|",
    ]
    last, used = 0, 0.0
    for _, updates, seconds, held in rows:
        if updates - last >= decided / TENTHS:
            lines.append(f"| {updates} | {(seconds - used) / (updates - last):.2f} | {held / 1e6:.0f} |")
            last, used = updates, seconds
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--lanes", type=int, default=8)
    parser.add_argument("--out", type=Path, default=ROOT / "results/benchmarks/slurm")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        return serve(args.serve)
    found = table(*measure(args.trials, args.lanes), args.lanes)
    print(found)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "many_trials.md").write_text(found)


if __name__ == "__main__":
    main()
