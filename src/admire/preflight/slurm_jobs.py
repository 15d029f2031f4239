"""Would Slurm run each kind of job that a campaign submits? Asked of Slurm itself, before anything is queued."""

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
LEAST_SLURM = (20, 11)  # the first whose srun has --overlap
LEAST_PLUGIN = (2, 8, 0)  # earlier ones need sacct, or look for ended jobs without end
PLUGIN = "snakemake-executor-plugin-slurm"
JOB_SECONDS = 180  # to wait for a job that looks at the results folder
# what a refusal is read as when Slurm takes the job into its queue all the same
CLOSED = "Required node not available (down, drained or reserved)"
# states of nodes and partitions that cannot be used now, as sinfo shows them
OUT = ("unknown", "down", "drain", "fail", "maint", "reserved", "reboot", "power", "future", "inact")
REGISTERING = 60  # seconds in which nodes answer a controller of Slurm that was just started


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


@dataclass(frozen=True)
class Answer:
    """What Slurm says to one kind of job that it would run, or will later.

    Attributes:
        waits: whether it refuses the job for now.
    """

    words: str
    waits: bool = False


def check_slurm(campaign: Campaign, origin: str, site: Site) -> list[Answer]:
    """Ask about each kind of job; returns an answer for each that Slurm would run, now or when what stands in its way has passed.

    Raises:
        ConfigError: names file, key and mend of the first that it would never run.
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
    """Look from a job whether the nodes see the results folder and this Python.

    Raises:
        ConfigError: if they do not, or no job could look within three minutes.
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
                code = asked.wait(JOB_SECONDS)
            except subprocess.TimeoutExpired:
                asked.kill()
                _cancel(asked.communicate()[0])
                raise ConfigError(
                    f"{site.origin}: no node was free for a look at {folder} within {JOB_SECONDS} s; try again, "
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
    """Refuse paths that the executor's own shell line would change: it wraps them in double quotes."""
    for path in (str(Path.cwd()), *origin.split(" + ")):
        wrong = next((letter for letter in '$`\\"' if letter in path), None)
        if wrong is not None:
            raise ConfigError(f"{path}: Snakemake's Slurm executor cannot pass a {wrong} in a path to a job; rename it")


def _verdict(request: Request) -> str | None:
    """What Slurm says against a job; it refuses every one until the nodes have answered a controller that was just started."""
    limit = time.monotonic() + REGISTERING
    while (refused := _refused(request)) is not None and time.monotonic() < limit:
        if refusals.passing(refused) or not _out(request, "unknown"):
            break
        time.sleep(1)
    if refused is not None and "configuration is not available" in refused and _out(request) and _accepts_held(request):
        return CLOSED  # --test-only refuses what its partition has, but not just now; such a job waits in the queue
    return refused


def _out(request: Request, *states: str) -> bool:
    """Whether some of a partition's nodes cannot be used now, or the partition itself cannot."""
    where = [f"--partition={request.partition}"] if request.partition else []
    said = subprocess.run(["sinfo", "--noheader", "--Node", "--format=%T %a", *where], capture_output=True, text=True)
    return any(word.startswith(states or OUT) for word in said.stdout.split())


def _accepts_held(request: Request) -> bool:
    """Whether Slurm takes the job into its queue, from which it is cancelled again."""
    command = ["sbatch", "--parsable", "--hold", "--output=/dev/null", *request.options(), "--wrap=true"]
    done = subprocess.run(command, capture_output=True, text=True)
    _cancel(done.stdout)
    return done.returncode == 0


def _cancel(printed: str) -> None:
    """Cancel the job whose number sbatch printed: its name may be another than it was given."""
    found = re.search(r"^\d+", printed, re.MULTILINE)
    if found:
        subprocess.run(["scancel", found[0]], capture_output=True)


def _refused(request: Request) -> str | None:
    """What Slurm says against a job, as it says it; None when it would run it."""
    command = ["sbatch", "--test-only", *request.options(), "--wrap=true"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return done.stderr.strip()
    # most clusters accept a job beyond the partition's limit, and let it wait for ever
    limit = _limits().get(request.partition)
    if limit is not None and (request.minutes or 0) > limit:
        return f"the partition's limit is {limit} minutes"
    return None


def _short(refused: str) -> str:
    """The last thing that Slurm said, and the limit that it named before."""
    *before, last = [
        line.removeprefix("allocation failure: ").removeprefix("sbatch: error: ") for line in refused.splitlines()
    ]
    named = [line for line in before if re.fullmatch(r"\w+", line)]
    return ": ".join([*named, last.removeprefix("Batch job submission failed: ")])


def _is_of_its_size(request: Request, refusal: refusals.Refusal) -> bool:
    """Whether a limit that Slurm does not name is one of sizes: a smaller job is accepted."""
    return refusal is refusals.UNNAMED_LIMIT and _part(request) is not None


def _limits() -> dict[str | None, int]:
    """Partition -> its time limit in minutes, where it has one; None is the default partition."""
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
    """The part without which Slurm accepts the job."""
    for part, least in LEAST.items():
        less: dict[str, Any] = {part: least}
        if getattr(request, part) not in (least, None) and _refused(replace(request, **less)) is None:
            return part
    return None


def _sentence(request: Request, refused: str) -> str:
    """What of the request is refused."""
    part = _part(request)
    if part is not None:
        value = getattr(request, part)
        shown = value / 1000 if part == "memory_mb" and request.keys[part].endswith("mem_gb") else value
        return f"{request.keys[part]}: Slurm refuses {shown} for {request.what} ({_short(refused)}); {MENDS[part]}"
    asked = shlex.join(request.options())
    return (
        f"{request.keys['partition']}: Slurm refuses {request.what} ({_short(refused)}); "
        f"try `sbatch --test-only {asked} --wrap=true`"
    )
