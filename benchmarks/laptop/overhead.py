"""What a campaign costs beside training and evaluation, subcommand by subcommand.

`python benchmarks/laptop/overhead.py RESULTS_FOLDER` runs config/laptop.yaml by the real Snakemake into an empty folder, on two
cores that should have nothing else to do, and prints a table. See benchmarks/laptop/overhead.md.
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORES = 2
WORK = ("train", "evaluate")
# stands before the real command on the path and notes what each call cost
SHIM = """#!/usr/bin/env bash
exec 3>&1 4>&2
TIMEFORMAT="$1 %R %U %S"
{{ time {admire} "$@" 1>&3 2>&4; }} 2>> {log}
"""


def measure(folder: Path) -> tuple[dict[str, list[tuple[float, float]]], float, float]:
    """Run the campaign; returns subcommand -> (wall, CPU) of each call, the campaign's wall time, and all its CPU time."""
    with tempfile.TemporaryDirectory() as room:
        log, shim = Path(room, "log"), Path(room, "bin", "admire")
        shim.parent.mkdir()
        shim.write_text(SHIM.format(admire=Path(sys.executable).with_name("admire"), log=log))
        shim.chmod(0o755)
        (over := Path(room, "over.yaml")).write_text(json.dumps({"results": str(folder)}))
        command = [sys.executable, "-m", "snakemake", "--cores", str(CORES)]
        command += ["--configfile", "config/laptop.yaml", str(over)]
        environment = {**os.environ, "PATH": f"{shim.parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
        begin = time.perf_counter()
        subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
        wall = time.perf_counter() - begin
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        calls = defaultdict(list)
        for line in log.read_text().splitlines():
            if found := re.fullmatch(r"(\S+) ([\d.]+) ([\d.]+) ([\d.]+)", line):
                calls[found[1]].append((float(found[2]), float(found[3]) + float(found[4])))
    return calls, wall, used.ru_utime + used.ru_stime


def report(folder: Path) -> None:
    """Measure and print."""
    calls, wall, cpu = measure(folder)
    trials = len(calls["train"])
    loop = sum(json.loads(path.read_text())["seconds"] for path in folder.glob("trials/*/*/share_1/train.json"))
    score = sum(json.loads(path.read_text())["seconds"] for path in folder.glob("trials/*/*/share_1/evaluate/*.json"))
    controller = cpu - sum(c for subcommand in calls.values() for _, c in subcommand)
    print(f"{trials} trials, {wall:.0f} s of wall time on {CORES} cores, {cpu:.0f} CPU-seconds\n")
    print("| | calls | CPU-s a call | CPU-s a trial |\n|---|---:|---:|---:|")
    for subcommand, found in sorted(calls.items(), key=lambda pair: -sum(c for _, c in pair[1])):
        total = sum(c for _, c in found)
        print(f"| `{subcommand}` | {len(found)} | {total / len(found):.2f} | {total / trials:.2f} |")
    print(f"| Snakemake | 1 | {controller:.2f} | {controller / trials:.2f} |")
    inside = sum(c for subcommand in WORK for _, c in calls[subcommand]) - loop - score
    outside = cpu - sum(c for subcommand in WORK for _, c in calls[subcommand])
    print(f"\ntraining loops {loop / trials:.2f} s a trial, scoring {score / trials:.2f}")
    print(f"starts of train and evaluate (imports, model, data) {inside / trials:.2f} CPU-s a trial")
    print(f"everything that is neither train nor evaluate {outside / trials:.2f} CPU-s a trial")
    print(f"cores idle {(CORES * wall - cpu) / trials:.2f} core-s a trial")


if __name__ == "__main__":
    target = Path(sys.argv[1]).resolve()
    if target.exists() and any(target.iterdir()):
        sys.exit(f"{target} is not empty")
    report(target)
