"""What a controller costs over many trials: `python benchmarks/slurm/many_trials.py [--trials 1000] [--lanes 8] [--out FOLDER]`.

A whole campaign by the real Snakemake with real decisions (random search, so that they take no time of their own); trainings are
replaced by sleeps and scores by numbers. Verbs are answered by forks of one process that has everything imported: what is measured
is the controller. Leaves a table under benchmarks/slurm/.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import yaml

sys.path.append(str(Path(__file__).parents[2] / "tests/workflow"))
from campaign_folder import ROOT, TINY, CampaignFolder
from forked_commands import forked_commands

from admire.cli.main import main as real_command

SLEEP = 1.0  # seconds of a training
TENTHS = 10  # lines of the table that shows how the cost grows


def answer(arguments):
    """What the subcommand does; a training sleeps, and its score is how even the mixture is."""
    from admire.campaign.layout import TrialLayout
    from admire.trials.identity import Spec
    from admire.trials.records import EvaluationRecord, Score, TrainRecord, publish

    subcommand, *rest = arguments
    if subcommand not in ("train", "evaluate"):
        return real_command(arguments)
    trial = TrialLayout(Path(rest[0]))
    spec = Spec.load(trial)
    if subcommand == "train":
        time.sleep(SLEEP)
        publish(trial.train(), TrainRecord(status="ok", digest=spec.digest, seconds=SLEEP))
        return 0
    from admire.campaign.loading import load
    from admire.campaign.recipes import suite_digest

    campaign = load(Path(rest[rest.index("--campaign") + 1]))
    counts = spec.counts(tuple(campaign.sources))
    scores = {metric.partition("/")[2]: Score(value=float(count)) for metric, count in zip(campaign.metrics, counts)}
    digest = suite_digest(campaign, "loss")
    record = EvaluationRecord(status="ok", suite="loss", split="validation", digest=digest, metrics=scores)
    publish(trial.evaluation("loss", digest), record)
    return 0


def import_what_decisions_import():
    import admire.cli.propose
    import admire.loop.decisions
    import admire.loop.learning
    import admire.optimize.random_search
    import admire.report.campaign.page  # noqa: F401


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
    with (
        tempfile.TemporaryDirectory() as folder,
        forked_commands(Path(folder, "subcommands"), answer, import_what_decisions_import) as subcommands,
    ):
        bench = CampaignFolder(Path(folder, "campaign"), subcommands)
        bench.folder.mkdir()
        command = bench.command(where=("--cores", str(lanes + 2)), configs=(campaign(bench.folder, trials, lanes),))
        with open(bench.folder / "terminal.log", "w") as terminal:
            controller = subprocess.Popen(
                command, cwd=bench.folder, env=bench.environment(), stdout=terminal, stderr=terminal
            )
            meter = Meter(bench, controller)
            meter.start()
            code = controller.wait()
        assert code == 0, (bench.folder / "terminal.log").read_text()[-4000:]
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
    lines = [f"# {decided:,} trials over {lanes} lanes: the cost of the controller, {datetime.date.today()}", "", "```"]
    lines += [f"python benchmarks/slurm/many_trials.py --trials {decided} --lanes {lanes}", "```", ""]
    lines += [
        f"Real Snakemake with its local executor, real decisions (random search); trainings are sleeps of {SLEEP:g} s."
    ]
    lines += [f"{os.cpu_count()} cores; the load meanwhile was {os.getloadavg()[2]:.0f}.", ""]
    lines += ["| | |", "|---|---:|"]
    lines += [
        f"| trials decided, trained and used in updates | {decided:,} |",
        f"| missing decisions | {missing} |",
        f"| the controller's CPU, seconds per trial | {cpu / decided:.2f} |",
        f"| the controller's memory at most, MB | {memory / 1e6:.0f} |",
        f"| minutes | {minutes:.0f} |",
        "",
        "| updates | CPU seconds per update since the line above | memory (MB) |",
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
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/slurm")
    args = parser.parse_args()
    found = table(*measure(args.trials, args.lanes), args.lanes)
    print(found)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "many_trials.md").write_text(found)


if __name__ == "__main__":
    main()
