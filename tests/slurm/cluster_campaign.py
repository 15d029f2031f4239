"""A folder whose campaign runs on the cluster, and a witness that never two processes train one trial."""

import contextlib
import json
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import yaml
from lab import PATIENCE, lives, wait_for

sys.path.append(str(Path(__file__).parents[1] / "workflow"))  # the scripts of this folder run without pytest
sys.path.append(str(Path(__file__).with_name("interpreter")))
from campaign_folder import ROOT, TINY, CampaignFolder
from forked_commands import client, forked_commands, import_for_all
from pace import keep_pace

WHERE = {"default-resources": {"slurm_partition": "cpu", "gpu_partition": "gpu", "runtime": 10, "mem_mb": 1500}}
# waits that only a real cluster needs; nothing else of the shipped profile is changed
QUICK = {"slurm-init-seconds-before-status-checks": 2, "max-status-checks-per-second": 1, "latency-wait": 15}

# its user shares nothing with others, and has something to hide
UMASK = 0o027
# a shell that runs the tests in the background has its children ignore these
HEARD = ("env", "--default-signal=HUP,INT,QUIT")
SECRET = "hf_neverToBeSeenInALog"


LOCAL = ("propose", "update", "spec", "build-data", "report", "preflight", "plan", "status")


@contextlib.contextmanager
def local_commands(folder):
    """Yields folders to put before the path, by what is the real command in jobs: both (training and scoring), only the training
    (where Slurm signals and kills it), or nothing. The rest, and what a controller does itself, is answered by forks."""
    with forked_commands(folder, prepare=import_and_keep_pace, subcommands=(*LOCAL, "train", "evaluate")) as every:
        found = {"nothing": every}
        for real, subcommands in (("both", LOCAL), ("train", (*LOCAL, "evaluate"))):
            found[real] = folder / real
            found[real].mkdir()
            client(found[real] / "admire", folder / "ready", subcommands)
        yield found


def import_and_keep_pace():
    """What the process that answers for subcommands does first."""
    import_for_all()
    keep_pace()


class ClusterCampaign(CampaignFolder):
    """A campaign's folder, `admire` and `snakemake --profile slurm` in it."""

    def __init__(self, folder, lab, subcommands=None):
        super().__init__(Path(folder), subcommands)
        self.lab, self.checkpoint_minutes = lab, 0.02
        self.asleep = set()  # processes that live and can do nothing
        self.variables = {"SOONER": "3", "PACE": "0.1"}  # of the environment, see interpreter/sitecustomize.py

    @property
    def log(self):
        return self.folder / "terminal.log"

    def profile(self, quick=True, **over):
        """The shipped profile with quick waits, and whatever a test changes."""
        shipped = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
        path = self.folder / "slurm/config.yaml"
        path.parent.mkdir(exist_ok=True)
        wanted = {
            key: value
            for key, value in (shipped | WHERE | (QUICK if quick else {}) | over).items()
            if value is not None
        }
        path.write_text(yaml.safe_dump(wanted, sort_keys=False))

    def campaign(self, **over):
        """tests/workflow/tiny.yaml with one size, one first trial, and a training of 20 seconds that computes for two."""
        raw = yaml.safe_load(TINY.read_text())
        model = raw["models"][0] | {"target": True, "cost": 0.2}
        model["resources"] = {"threads": 1, "minutes": 5, "mem_gb": 1}
        model["resources"] |= over.pop("resources", {})
        raw["models"] = [model]
        raw["training"]["epochs"] = over.pop("epochs", 25)
        raw["optimizer"]["initial"] = 1
        raw["budget"]["total"] = 0.4
        (self.folder / "tiny.yaml").write_text(yaml.safe_dump(raw | over, sort_keys=False))

    def environment(self):
        here = {"SLURM_CONF": self.lab.conf, "ADMIRE_CHECKPOINT_MINUTES": str(self.checkpoint_minutes)}
        here |= {"ADMIRE_SLURM_PAUSE_SECONDS": "5", "HF_TOKEN": SECRET}
        found = super().environment() | here | self.variables
        modules = [str(Path(__file__).with_name("interpreter")), *filter(None, [found.get("PYTHONPATH")])]
        return found | {"PYTHONPATH": ":".join(modules)}

    def start(self, *targets, before=(), configs=("tiny.yaml",)):
        """A controller in the background; its terminal is a file."""
        with open(self.log, "a") as terminal:
            return subprocess.Popen(
                [*HEARD, *before, *self.command(*targets, where=("--profile", "slurm"), configs=configs)],
                cwd=self.folder,
                env=self.environment(),
                stdout=terminal,
                stderr=terminal,
                start_new_session=True,
                umask=UMASK,
            )

    def run(self, *targets, before=(), expect=0, patience=PATIENCE, configs=("tiny.yaml",)):
        process = self.start(*targets, before=before, configs=configs)
        self.end(process, expect, patience)
        return self.log.read_text()

    def end(self, process, expect=0, patience=PATIENCE):
        try:
            code = process.wait(patience)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            raise AssertionError(f"it hangs:\n{self.log.read_text()[-6000:]}") from None
        assert code == expect, self.log.read_text()[-6000:]

    def copy(self, folder):
        super().copy(folder)
        return ClusterCampaign(folder, self.lab, self.subcommands)

    def move(self, folder):
        self.folder = self.folder.rename(folder)

    def supervise(self, *options):
        """What stands before a command that is supervised."""
        return [sys.executable, "-m", "admire.cli.main", "supervise", *options, "--"]

    def controllers(self):
        """The processes of the controllers in this folder."""
        found = []
        for path in self.results.glob("campaigns/*/running.json"):
            with contextlib.suppress(psutil.NoSuchProcess):
                found.append(psutil.Process(json.loads(path.read_text())["pid"]))
        return found

    @property
    def trial(self):
        """The folder of the first trial."""
        proposal = json.loads((self.results / "campaigns/tiny/step_0000/lane_0/proposal.json").read_text())
        return self.results / "trials/S" / proposal["trials"][0]["spec"]["digest"]

    def attempts(self):
        return [line for path in self.results.glob("trials/*/*/attempts.jsonl") for line in lines_of(path)]

    def allocations(self):
        """(partition, resources) of the jobs of this folder that trained, in order."""
        said = self.lab.ask("squeue", "--states=all", "--noheader", "--Format=JobID:|,Partition:|,tres-per-job:|")
        rows = {job: (where, asked) for job, where, asked, *_ in (line.split("|") for line in said.splitlines())}
        submitted = re.findall(r"SLURM jobid (\d+) .*group_trial", self.log.read_text())
        return [rows[job] for job in submitted]

    def in_training(self):
        """Wait for a training with a checkpoint; returns the Slurm job that it runs in."""

        def training():
            found = list(self.results.glob("trials/*/*/ckpt/checkpoint-*/whole.json"))
            return found and self.attempts()[-1]["event"] == "begin"

        wait_for(training, "a checkpoint")
        return self.attempts()[-1]["job"]

    def record(self):
        return json.loads((self.trial / "share_1/train.json").read_text())


def lines_of(path):
    found = []
    for line in path.read_text().splitlines():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


class Witness(threading.Thread):
    """Looks all the time whether a training begins while an earlier one of the same trial still lives."""

    def __init__(self, bench):
        super().__init__(daemon=True)
        self.bench, self.seen, self.two_at_once = bench, {}, []
        self.stop = threading.Event()

    def run(self):
        while not self.stop.wait(0.05):
            for path in self.bench.results.glob("trials/*/*/attempts.jsonl"):
                self._look(path)

    def _look(self, path):
        found = lines_of(path)
        for place in range(self.seen.get(path, 0), len(found)):
            if found[place]["event"] != "begin":
                continue
            for earlier, line in enumerate(found[:place]):
                ended = any(
                    later["event"] == "end" and later["pid"] == line["pid"] for later in found[earlier + 1 : place]
                )
                another = line["pid"] not in (found[place]["pid"], *self.bench.asleep)
                if line["event"] == "begin" and not ended and another and lives(line["pid"]):
                    self.two_at_once.append((line, found[place]))
        self.seen[path] = len(found)

    def judge(self):
        time.sleep(0.2)
        self.stop.set()
        self.join()
        assert not self.two_at_once, self.two_at_once
