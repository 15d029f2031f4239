"""What a trial costs on a cluster beside training and scoring: `python benchmarks/slurm/overhead.py [--trials 6] [--out FOLDER]`.

A campaign of one lane by the shipped profile, its waits included, on an empty cluster of this machine; two cores that should have
nothing else to do. Leaves a table under benchmarks/slurm/.
"""

import argparse
import datetime
import itertools
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "tests/slurm"))
from cluster_campaign import ROOT, ClusterCampaign, lines_of
from lab import cluster

REMEMBERED = "7200"  # seconds that Slurm knows an ended job: to the end


def measure(trials):
    """A dictionary of seconds a trial: allocation, training, scoring; and from a job's end to the next submission."""
    with tempfile.TemporaryDirectory() as folder, cluster(Path(folder, "lab"), MINJOBAGE=REMEMBERED) as lab:
        bench = ClusterCampaign(Path(folder, "campaign"), lab)
        bench.folder.mkdir()
        bench.profile(quick=False)
        bench.campaign(budget={"total": 0.2 * trials, "unit": "CPU-minutes"})
        bench.run(patience=3600)
        said = lab.ask("squeue", "--states=all", "--noheader", "--format=%i|%V|%S|%e")
        rows = [line.split("|") for line in said.splitlines()]
        times = {job: [datetime.datetime.fromisoformat(part) for part in rest] for job, *rest in rows}
        found = []
        for path in bench.results.glob("trials/S/*/share_1/train.json"):
            submitted, start, end = times[lines_of(path.parent.parent / "attempts.jsonl")[0]["job"]]
            record = json.loads(path.read_text())
            scoring = sum(json.loads(one.read_text())["seconds"] for one in path.parent.glob("evaluate/*.json"))
            found.append((submitted, start, end, record["seconds"], scoring + record["validation_seconds"]))
    return sorted(found)


def table(found):
    allocated = [(end - start).total_seconds() for _, start, end, _, _ in found]
    training, scoring = [row[3] for row in found], [row[4] for row in found]
    rest = [a - t - s for a, t, s in zip(allocated, training, scoring, strict=True)]
    between = [(after[0] - before[2]).total_seconds() for before, after in itertools.pairwise(found)]
    rows = {
        "a job's allocation": allocated,
        "training loop": training,
        "scoring, during training and at its end": scoring,
        "**the rest** (a start of Snakemake, two of Python with torch)": rest,
        "from a job's end to the next submission (polling, update, propose)": between,
    }
    lines = [f"# The overhead of a trial on Slurm, {datetime.date.today()}", ""]
    lines += [
        f"`python benchmarks/slurm/overhead.py --trials {len(found)}`: one lane, the shipped profile, one machine of"
    ]
    lines += [f"{os.cpu_count()} cores; the load meanwhile was {os.getloadavg()[1]:.0f}.", ""]
    lines += ["| seconds | median | minimum | maximum |", "|---|---:|---:|---:|"]
    for name, values in rows.items():
        lines.append(f"| {name} | {statistics.median(values):.1f} | {min(values):.1f} | {max(values):.1f} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=6)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/slurm")
    args = parser.parse_args()
    found = table(measure(args.trials))
    print(found)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "overhead.md").write_text(found)


if __name__ == "__main__":
    main()
