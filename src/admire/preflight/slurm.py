"""Would Slurm run each kind of job that a campaign submits? Asked of Slurm itself, before anything is queued."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from admire.campaign.config import Campaign, Resources
from admire.campaign.site import Site, memory_mb
from admire.errors import ConfigError

COMMANDS = ("sbatch", "srun", "squeue", "scancel", "scontrol")
LEAST_SLURM = (20, 11)  # the first whose srun has --overlap
LEAST_PLUGIN = (2, 8, 0)  # earlier ones need sacct, or look for ended jobs without end
PLUGIN = "snakemake-executor-plugin-slurm"
RECORDING_MINUTES = 5  # the attempt that only records a failure
JOB_SECONDS = 180  # to wait for a job that looks at the results folder
REGISTERING = 60  # seconds in which nodes answer a controller of Slurm that was just started


@dataclass(frozen=True)
class Request:
    """One kind of job.

    Attributes:
        what: in words.
        keys: part of the request -> where it is set, for messages.
        gpus: on each node.
        threads: on each node.
    """

    what: str
    keys: dict[str, str]
    account: str | None
    partition: str | None
    gpus: int
    gpu_type: str | None
    minutes: int | None
    memory_mb: int | None
    threads: int
    nodes: int = 1

    def options(self) -> list[str]:
        """As sbatch takes it."""
        kind = f"{self.gpu_type}:" if self.gpu_type else ""
        found = [f"--nodes={self.nodes}", f"--ntasks={self.nodes}", f"--cpus-per-task={self.threads}"]
        found += [f"--account={self.account}"] if self.account else []
        found += [f"--partition={self.partition}"] if self.partition else []
        found += [f"--gpus={kind}{self.gpus * self.nodes}"] if self.gpus else []
        found += [f"--gres=gpu:{kind}{self.gpus}"] if self.gpus and self.nodes > 1 else []
        found += [f"--time={self.minutes}"] if self.minutes else []
        return found + ([f"--mem={self.memory_mb}"] if self.memory_mb else [])


# part -> the value that asks for least; the first part without which Slurm accepts the job is what it refuses. The
# partition comes last: with another one, all else may be possible.
LEAST = {
    "account": None,
    "minutes": None,
    "gpu_type": None,
    "gpus": 0,
    "memory_mb": None,
    "threads": 1,
    "nodes": 1,
    "partition": None,
}
MENDS = {
    "account": "name one of yours (`sacctmgr show assoc user=$USER` lists them), or none where the cluster keeps no accounts",
    "minutes": "lower it, or name a partition that allows longer jobs (`sinfo -o '%P %l'`); a training goes on over many limits",
    "gpu_type": "name one that `sinfo -o '%P %G'` lists, or none for any",
    "gpus": "ask for what one node of the partition has (`sinfo -o '%P %G'`)",
    "memory_mb": "lower it to what a node has (`sinfo -o '%P %m'`)",
    "threads": "lower it to what a node has (`sinfo -o '%P %c'`)",
    "nodes": "lower it to what the partition has (`sinfo -o '%P %D'`) and lets a job have (`scontrol show partition`)",
    "partition": "name one that `sinfo` lists",
}


def requests(campaign: Campaign, origin: str, site: Site) -> list[Request]:
    """Each kind of job that the campaign submits."""
    where = f"{site.origin}: default-resources"
    common = {
        "account": f"{where}: slurm_account",
        "partition": f"{where}: slurm_partition",
        "minutes": f"{where}: runtime",
        "memory_mb": f"{where}: mem_mb",
    }
    found = [
        Request("preparing a source", common, site.account, site.partition, 0, None, site.minutes, site.memory_mb, 1)
    ]
    for model in campaign.models:
        needs, place = model.resources, f"{origin}: models.{model.name}.resources"
        keys = common | {"gpus": f"{place}.gpus", "minutes": f"{place}.minutes", "memory_mb": f"{place}.mem_gb"}
        keys |= {"threads": f"{place}.threads", "nodes": f"{place}.nodes", "gpu_type": f"{where}: gpu_type"}
        memory = memory_mb(needs)
        # the time of a job that trains and then scores is the sum
        minutes = needs.minutes * (1 + len(campaign.evaluation) if site.grouped else 1)
        train = Request(
            f"training {model.name}", keys, site.account, site.partition, 0, None, minutes, memory, needs.threads
        )
        record = replace(train, what=f"recording that {model.name} failed", minutes=RECORDING_MINUTES)
        train = _using(train, needs)
        if needs.gpus:
            partition = site.gpu_partition or site.partition
            gpus = {"partition": f"{where}: gpu_partition" if site.gpu_partition else common["partition"]}
            train = replace(train, keys=keys | gpus, partition=partition, gpu_type=site.gpu_type)
        found += [record, train] if needs.world > 1 or needs.gpus else [train]
        score = replace(_using(train, needs.of_evaluation), what=f"evaluating {model.name}")
        if not site.grouped and score.options() != train.options():
            found.append(score)
    return found


def _using(request: Request, needs: Resources) -> Request:
    """The request with the machines that these resources name."""
    return replace(request, threads=needs.threads * needs.workers, nodes=needs.nodes, gpus=needs.gpus)


def check_slurm(campaign: Campaign, origin: str, site: Site) -> list[str]:
    """Ask about each kind of job; returns a line a kind that Slurm would run.

    Raises:
        ConfigError: names file, key and mend of the first that it would refuse.
    """
    _check_installed(site.origin)
    said = []
    for request in requests(campaign, origin, site):
        refusal = _verdict(request)
        if refusal is not None:
            raise ConfigError(_sentence(request, refusal))
        said.append(f"{request.what}: sbatch {' '.join(request.options())}: accepted")
    return said


def check_shared(campaign: Campaign, origin: str, site: Site) -> None:
    """Look from a job whether the nodes see the results folder and this Python.

    Raises:
        ConfigError: if they do not, or no job could look within three minutes.
    """
    folder = Path(campaign.results).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / f".admire-{uuid.uuid4().hex}"
    probe.touch()
    request = requests(campaign, origin, replace(site, minutes=1, memory_mb=200))[0]
    look = f"test -e '{probe}' || exit 3; test -x '{sys.executable}' || exit 4"
    command = ["sbatch", "--wait", "--output=/dev/null", "--job-name=admire_look", *request.options(), f"--wrap={look}"]
    try:
        code = subprocess.run(command, capture_output=True, timeout=JOB_SECONDS).returncode
    except subprocess.TimeoutExpired:
        subprocess.run(["scancel", "--me", "--name=admire_look"], capture_output=True)
        raise ConfigError(
            f"{site.origin}: no node was free for a look at {folder} within {JOB_SECONDS} s; try again, or without --from-a-job"
        ) from None
    finally:
        probe.unlink()
    if code == 3:
        raise ConfigError(
            f"{origin}: results: the nodes do not see {folder}; set it to a folder on a shared file system"
        )
    if code == 4:
        raise ConfigError(
            f"{sys.executable}: the nodes do not see this Python; make the environment on a shared file system"
        )
    if code:
        raise ConfigError(
            f"{site.origin}: a job that looks at {folder} failed with exit code {code}; see `sacct` or try it by hand"
        )


def _check_installed(origin: str) -> None:
    absent = [command for command in COMMANDS if shutil.which(command) is None]
    if absent:
        raise ConfigError(
            f"{origin}: this machine has no {', '.join(absent)}; type the command on a login node of the cluster"
        )
    said = subprocess.run(["sbatch", "--version"], capture_output=True, text=True).stdout
    found = re.search(r"(\d+)\.(\d+)", said)
    if found and (int(found[1]), int(found[2])) < LEAST_SLURM:
        raise ConfigError(f"{origin}: Slurm {found[0]} is too old: its srun has no --overlap; 20.11 and later have")
    plugin = version(PLUGIN)
    if tuple(map(int, re.findall(r"\d+", plugin)[:3])) < LEAST_PLUGIN:
        least = ".".join(map(str, LEAST_PLUGIN))
        raise ConfigError(f"{PLUGIN} {plugin} is too old; install {least}, which envs/requirements.lock pins")


def _verdict(request: Request) -> str | None:
    """What Slurm says against a job; it refuses every one until the nodes have answered a controller that was just started."""
    limit = time.monotonic() + REGISTERING
    while (refusal := _refusal(request)) is not None and _awaits_nodes() and time.monotonic() < limit:
        time.sleep(1)
    return refusal


def _awaits_nodes() -> bool:
    said = subprocess.run(["sinfo", "--noheader", "--Node", "--format=%T"], capture_output=True, text=True).stdout
    return any(state.startswith("unknown") for state in said.split())


def _refusal(request: Request) -> str | None:
    """What Slurm says against a job; None when it would run it."""
    command = ["sbatch", "--test-only", *request.options(), "--wrap=true"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        words = done.stderr.strip().splitlines()[-1]
        return words.removeprefix("allocation failure: ").removeprefix("sbatch: error: ")
    # most clusters accept a job beyond the partition's limit, and let it wait for ever
    limit = _limits().get(request.partition)
    if limit is not None and (request.minutes or 0) > limit:
        return f"the partition's limit is {limit} minutes"
    return None


def _limits() -> dict[str | None, int]:
    """Partition -> its time limit in minutes, where it has one; None is the default partition."""
    said = subprocess.run(["sinfo", "--noheader", "--format=%P|%l"], capture_output=True, text=True).stdout
    found: dict[str | None, int] = {}
    for line in said.splitlines():
        name, limit = line.split("|")
        match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):\d+", limit)  # [days-][hours:]minutes:seconds
        if match:
            days, hours, minutes = (int(part or 0) for part in match.groups())
            found[name.rstrip("*")] = (days * 24 + hours) * 60 + minutes
            if name.endswith("*"):
                found[None] = found[name.rstrip("*")]
    return found


def _sentence(request: Request, refusal: str) -> str:
    """What of the request is refused: the part without which Slurm accepts it."""
    for part, least in LEAST.items():
        value = getattr(request, part)
        if value in (least, None) or _refusal(replace(request, **{part: least})) is not None:
            continue
        shown = value / 1000 if part == "memory_mb" and request.keys[part].endswith("mem_gb") else value
        return f"{request.keys[part]}: Slurm refuses {shown} for {request.what} ({refusal}); {MENDS[part]}"
    asked = " ".join(request.options())
    return f"{request.keys['partition']}: Slurm refuses {request.what} ({refusal}); try `sbatch --test-only {asked} --wrap=true`"
