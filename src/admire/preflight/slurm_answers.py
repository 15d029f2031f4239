"""Would Slurm run each kind of job that a campaign submits? Slurm itself is asked, before anything is queued."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from admire.campaign.schema.campaign import Campaign
from admire.campaign.site import Site
from admire.cluster import refusals
from admire.errors import ConfigError
from admire.preflight.job_requests import Request, requests
from admire.preflight.limits import check_count, check_sizes, minutes_of

COMMANDS = ("sbatch", "srun", "squeue", "scancel", "scontrol")
LEAST_SLURM = (20, 11)  # Earlier releases have no `srun --overlap`.
LEAST_PLUGIN = (2, 8, 0)  # Earlier versions need sacct, or search for ended jobs in an endless loop.
PLUGIN = "snakemake-executor-plugin-slurm"
LOOK_TIMEOUT = 180  # So many seconds are enough for the job that looks at the results folder to be scheduled and run.
# A refusal is replaced by this one of Slurm's sentences if Slurm nevertheless takes the job into its queue.
CLOSED = "Required node not available (down, drained or reserved)"
# sinfo shows these states for nodes and partitions that cannot be used now.
OUT = ("unknown", "down", "drain", "fail", "maint", "reserved", "reboot", "power", "future", "inact")
REGISTERING = 60  # Nodes need up to so many seconds to register with a Slurm controller that was just started.

# To find the part of a request that Slurm refuses, one part at a time is set to the value that requests least, in this order. The
# first one with which Slurm accepts the job is to blame. The partition comes last, because another partition may allow anything.
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
FIXES = {
    "account": "name one of yours (`sacctmgr show assoc user=$USER` lists them), or none where the cluster keeps no accounts",
    "minutes": "lower it (trainings resume after time limits), or name a partition that allows longer jobs (`sinfo -o '%P %l'`)",
    "gpu_type": "name one that `sinfo -o '%P %G'` lists, or none for any",
    "gpus": "request what one node of the partition has (`sinfo -o '%P %G'`)",
    "memory_mb": "lower it to what a node has (`sinfo -o '%P %m'`)",
    "threads": "lower it to what a node has (`sinfo -o '%P %c'`)",
    "nodes": "lower it to what the partition has (`sinfo -o '%P %D'`) and lets a job have (`scontrol show partition`)",
    "partition": "name one that `sinfo` lists",
}


@dataclass(frozen=True)
class Answer:
    """Slurm's answer on one kind of job that it would run, now or later.

    Attributes:
        words: the answer in a sentence.
        waits: whether Slurm refuses the job for now, so that submissions wait.
    """

    words: str
    waits: bool = False


def check_slurm(campaign: Campaign, origin: str, site: Site) -> list[Answer]:
    """Test one job of each kind with Slurm, without submitting it.

    Args:
        origin: the configuration file, as messages name it.

    Returns:
        One answer per kind of job. If Slurm's controller does not answer, the last one says so and later kinds are not tested.

    Raises:
        ConfigError: names file, key and fix for the first kind of job that Slurm would never run.
    """
    _check_installed(site.origin)
    _check_words(origin)
    found = []
    for request in requests(campaign, origin, site):
        refused = _verdict(request)
        if refused is None or refusals.passing(refused) is None:
            check_sizes(request)
        if refused is None:
            found.append(Answer(f"{request.what}: sbatch {' '.join(request.options())}: accepted"))
            continue
        passes = refusals.passing(refused)
        if passes is None or _is_of_its_size(request, passes):
            raise ConfigError(_sentence(request, refused))
        if passes.means == refusals.FULL:
            check_count(request, passes.cause(refused))
        if passes.means == refusals.AWAY:
            words = f"nothing could be asked: {passes.means} ({_short(refused)})"
            return [*found, Answer(f"{words}; jobs wait until it does", waits=True)]
        found.append(
            Answer(
                f"{request.what}: refused for now: {passes.means} ({_short(refused)}); its submission will wait",
                waits=True,
            )
        )
    return found


def check_shared(campaign: Campaign, origin: str, site: Site) -> None:
    """Submit a short job that checks whether the nodes see the results folder and this Python.

    Raises:
        ConfigError: if the nodes do not see them, or if the job did not run within three minutes.
    """
    folder = Path(campaign.results).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / f".admire-{uuid.uuid4().hex}"
    probe.touch()
    request = requests(campaign, origin, replace(site, minutes=1, memory_mb=200))[0]
    look = f"{shlex.join(['test', '-e', str(probe)])} || exit 3; {shlex.join(['test', '-x', sys.executable])} || exit 4"
    command = ["sbatch", "--wait", "--parsable", "--output=/dev/null", "--job-name=admire-look", *request.options()]
    command.append(f"--wrap={look}")
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as asked:
            try:
                code = asked.wait(LOOK_TIMEOUT)
            except subprocess.TimeoutExpired:
                asked.kill()
                _cancel(asked.communicate()[0])
                raise ConfigError(
                    f"{site.origin}: no node was free for a look at {folder} within {LOOK_TIMEOUT} s; try again, "
                    "or without --from-a-job"
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


def _check_words(origin: str) -> None:
    """Refuse paths that Snakemake's Slurm executor would change, because it puts them into double quotes in a shell command."""
    for path in (str(Path.cwd()), *origin.split(" + ")):
        wrong = next((letter for letter in '$`\\"' if letter in path), None)
        if wrong is not None:
            raise ConfigError(f"{path}: Snakemake's Slurm executor cannot pass a {wrong} in a path to a job; rename it")


def _verdict(request: Request) -> str | None:
    """Slurm's refusal of a job, or None if it would run the job.

    A Slurm controller that was just started refuses every job until its nodes have registered, so the test is repeated meanwhile.
    """
    limit = time.monotonic() + REGISTERING
    while (refused := _refused(request)) is not None and time.monotonic() < limit:
        if refusals.passing(refused) or not _out(request, "unknown"):
            break
        time.sleep(1)
    if refused is not None and "configuration is not available" in refused and _out(request) and _accepts_held(request):
        # `--test-only` also refuses a job whose nodes exist but are not usable now. Such a job would wait in the queue.
        return CLOSED
    return refused


def _out(request: Request, *states: str) -> bool:
    """Whether the partition, or one of its nodes, is in one of these states; by default the states of `OUT`."""
    where = [f"--partition={request.partition}"] if request.partition else []
    said = subprocess.run(["sinfo", "--noheader", "--Node", "--format=%T %a", *where], capture_output=True, text=True)
    return any(word.startswith(states or OUT) for word in said.stdout.split())


def _accepts_held(request: Request) -> bool:
    """Whether Slurm takes the job into its queue. It is submitted on hold, so it does not run, and cancelled at once."""
    command = ["sbatch", "--parsable", "--hold", "--output=/dev/null", *request.options(), "--wrap=true"]
    done = subprocess.run(command, capture_output=True, text=True)
    _cancel(done.stdout)
    return done.returncode == 0


def _cancel(printed: str) -> None:
    """Cancel a job by the number that sbatch printed; its name cannot be used, because the cluster may have changed it."""
    found = re.search(r"^\d+", printed, re.MULTILINE)
    if found:
        subprocess.run(["scancel", found[0]], capture_output=True)


def _refused(request: Request) -> str | None:
    """Slurm's refusal of a job in its own words; None if it would run the job."""
    command = ["sbatch", "--test-only", *request.options(), "--wrap=true"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return done.stderr.strip()
    # Most clusters accept a job above the partition's time limit and let it wait for ever.
    limit = _limits().get(request.partition)
    if limit is not None and (request.minutes or 0) > limit:
        return f"the partition's limit is {limit} minutes"
    return None


def _short(refused: str) -> str:
    """The last line of a refusal, after the name of the limit if an earlier line consists of one."""
    *before, last = [
        line.removeprefix("allocation failure: ").removeprefix("sbatch: error: ") for line in refused.splitlines()
    ]
    named = [line for line in before if re.fullmatch(r"\w+", line)]
    return ": ".join([*named, last.removeprefix("Batch job submission failed: ")])


def _is_of_its_size(request: Request, refusal: refusals.Refusal) -> bool:
    """Whether a limit that Slurm does not name is one on the size of jobs, which is so if a smaller job is accepted."""
    return refusal is refusals.UNNAMED_LIMIT and _part(request) is not None


def _limits() -> dict[str | None, int]:
    """Partition -> its time limit in minutes, for partitions that have one; the key None stands for the default partition."""
    said = subprocess.run(["sinfo", "--noheader", "--format=%P|%l"], capture_output=True, text=True).stdout
    found: dict[str | None, int] = {}
    for line in said.splitlines():
        name, limit = line.split("|")
        minutes = minutes_of(limit)
        if minutes is not None:
            found[name.rstrip("*")] = minutes
            if name.endswith("*"):
                found[None] = minutes
    return found


def _part(request: Request) -> str | None:
    """The first part of `LEAST` that makes Slurm accept the job when it is set to its least value; None if no part does."""
    for part, least in LEAST.items():
        less: dict[str, Any] = {part: least}
        if getattr(request, part) not in (least, None) and _refused(replace(request, **less)) is None:
            return part
    return None


def _sentence(request: Request, refused: str) -> str:
    """The sentence for a job that Slurm would never run: the key to blame and its fix, or a command to try by hand."""
    part = _part(request)
    if part is not None:
        value = getattr(request, part)
        shown = value / 1000 if part == "memory_mb" and request.keys[part].endswith("mem_gb") else value
        return f"{request.keys[part]}: Slurm refuses {shown} for {request.what} ({_short(refused)}); {FIXES[part]}"
    asked = shlex.join(request.options())
    return (
        f"{request.keys['partition']}: Slurm refuses {request.what} ({_short(refused)}); "
        f"try `sbatch --test-only {asked} --wrap=true`"
    )
