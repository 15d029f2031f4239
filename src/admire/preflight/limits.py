"""Limits of Slurm's accounting that a job exceeds by itself. Slurm accepts many such jobs and never runs them."""

from __future__ import annotations

import getpass
import re
import subprocess

from admire.errors import ConfigError
from admire.preflight.job_requests import Request

# Only the user's own jobs count towards these limits of submitted jobs.
OF_THE_USER = re.compile("AssocMaxSubmit|MaxSubmitJobs?PerUser")
# Others' jobs count towards the other limits; this maps Slurm's name of each to the table and column in which sacctmgr shows it.
COUNTS = {"AssocGrpSubmit": ("assoc", "grpsubmitjobs"), "QOSGrpSubmit": ("qos", "grpsubmitjobs")}
PER_ACCOUNT = ("qos", "maxsubmitjobsperaccount")
MB_PER_UNIT = {"": 1, "M": 1, "G": 1024, "T": 1024**2}


def check_count(request: Request, cause: str) -> None:
    """Refuse a limit on submitted jobs that is reached although no job counts towards it, so that waiting cannot help.

    Args:
        cause: Slurm's name of the limit.

    Raises:
        ConfigError: if none of the user's jobs is queued although only they count, or if the limit is 0.
    """
    if OF_THE_USER.search(cause):
        never = _ask("squeue", "--me", "--noheader", "--format=%i") == ""
    else:
        what, key = next((entry for name, entry in COUNTS.items() if cause.startswith(name)), PER_ACCOUNT)
        never = "0" in (_ask("sacctmgr", "-nP", "show", what, f"format={key}") or "").split()
    if never:
        raise ConfigError(
            f"{request.keys['account']}: Slurm accepts no job at all ({cause}), although none of ours is in its queue; name "
            "another account, or have the limit raised (`sacctmgr show assoc user=$USER`, `sacctmgr show qos`)"
        )


def check_sizes(request: Request) -> None:
    """Refuse a job that is larger than a limit of its account or of the account's quality of service.

    Nothing is refused if Slurm does not enforce these limits.

    Raises:
        ConfigError: names the key and the limit. Slurm would let such a job wait for ever.
    """
    if not re.search(r"AccountingStorageEnforce\s*=.*\b(limits|safe)\b", _ask("scontrol", "show", "config") or ""):
        return
    for origin, wall, sizes in _limits_of(request):
        limit = minutes_of(wall)
        if limit is not None and (request.minutes or 0) > limit:
            raise ConfigError(
                f"{request.keys['minutes']}: {origin} allows a job {limit} minutes and {request.what} requests {request.minutes}, "
                "so it would wait for ever; lower it (a training resumes after each time limit)"
            )
        for key, part, value in _sizes(request):
            allowed = _size(sizes.get(key))
            if allowed is not None and value > allowed:
                raise ConfigError(
                    f"{request.keys.get(part, part)}: {origin} allows a job {key}={sizes[key]} and {request.what} requests "
                    f"{value}, so it would wait for ever; lower it, or name another account"
                )


def minutes_of(limit: str) -> int | None:
    """Whole minutes of a time limit in Slurm's form, [days-][hours:]minutes:seconds; None for other texts (UNLIMITED, say)."""
    match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):\d+", limit)
    if match is None:
        return None
    days, hours, minutes = (int(part or 0) for part in match.groups())
    return (days * 24 + hours) * 60 + minutes


def _limits_of(request: Request) -> list[tuple[str, str, dict[str, str]]]:
    """(owner in words, time limit, Slurm's name of a size -> limit) of the job's account and of its quality of service."""
    user = getpass.getuser()
    account = request.account or _ask("sacctmgr", "-nP", "show", "user", user, "format=defaultaccount")
    asked = ("show", "assoc", "where", f"user={user}", f"account={account}")
    found = []
    for line in (_ask("sacctmgr", "-nP", *asked, "format=partition,maxwall,maxtres,defaultqos,qos") or "").splitlines():
        partition, wall, sizes, default, allowed = line.split("|")
        if partition not in ("", request.partition):
            continue
        found.append((f"account {account}", wall, _pairs(sizes)))
        quality = default or (allowed if "," not in allowed else "")
        if quality:
            said = _ask("sacctmgr", "-nP", "show", "qos", "where", f"name={quality}", "format=maxwall,maxtres") or "|"
            found.append((f"quality of service {quality}", said.split("|")[0], _pairs(said.split("|")[1])))
    return found


def _sizes(request: Request) -> list[tuple[str, str, int]]:
    """(Slurm's name of the size, part of the request, amount for the whole job); memory in MB."""
    return [
        ("cpu", "threads", request.threads * request.nodes),
        ("gres/gpu", "gpus", request.gpus * request.nodes),
        ("node", "nodes", request.nodes),
        ("mem", "memory_mb", (request.memory_mb or 0) * request.nodes),
    ]


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split(",") if "=" in pair)


def _size(text: str | None) -> float | None:
    match = re.fullmatch(r"([\d.]+)([MGT]?)", text or "")
    return float(match[1]) * MB_PER_UNIT[match[2]] if match else None


def _ask(*command: str) -> str | None:
    """What a command prints; None if the command does not exist or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
