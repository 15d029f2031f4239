"""Limits of accounting that a job could never fit, however long it waits: Slurm accepts many of these jobs, and never runs them."""

from __future__ import annotations

import getpass
import re
import subprocess

from admire.errors import ConfigError
from admire.preflight.job_requests import Request

# the counts of submitted jobs that only this user's jobs fill
OF_THE_USER = re.compile("AssocMaxSubmit|MaxSubmitJobs?PerUser")
# what sacctmgr calls the others
COUNTS = {"AssocGrpSubmit": ("assoc", "grpsubmitjobs"), "QOSGrpSubmit": ("qos", "grpsubmitjobs")}
PER_ACCOUNT = ("qos", "maxsubmitjobsperaccount")
UNITS = {"": 1, "M": 1, "G": 1024, "T": 1024**2}  # in MB


def check_count(request: Request, cause: str) -> None:
    """Tell a limit of submitted jobs that is full from one that lets nobody submit.

    Args:
        cause: the limit, by Slurm's name.

    Raises:
        ConfigError: if it lets nobody submit.
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
    """Compare one job with the limits of its account and of the account's quality of service.

    Raises:
        ConfigError: if it is larger than one of them. Slurm would let it wait for ever.
    """
    if not re.search(r"AccountingStorageEnforce\s*=.*\b(limits|safe)\b", _ask("scontrol", "show", "config") or ""):
        return
    for origin, wall, sizes in _limits_of(request):
        limit = minutes_of(wall)
        if limit is not None and (request.minutes or 0) > limit:
            raise ConfigError(
                f"{request.keys['minutes']}: {origin} allows a job {limit} minutes and {request.what} asks for {request.minutes}; "
                "it would wait for ever: lower it; a training goes on over many limits"
            )
        for key, part, value in _sizes(request):
            allowed = _size(sizes.get(key))
            if allowed is not None and value > allowed:
                raise ConfigError(
                    f"{request.keys.get(part, part)}: {origin} allows a job {key}={sizes[key]} and {request.what} asks for "
                    f"{value}; it would wait for ever: lower it, or name another account"
                )


def minutes_of(limit: str) -> int | None:
    """A time limit as Slurm writes it, [days-][hours:]minutes:seconds, in whole minutes; None when it is none."""
    match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):\d+", limit)
    if match is None:
        return None
    days, hours, minutes = (int(part or 0) for part in match.groups())
    return (days * 24 + hours) * 60 + minutes


def _limits_of(request: Request) -> list[tuple[str, str, dict[str, str]]]:
    """(whose, longest time, size -> most) of the job's account and of its quality of service."""
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
    """(Slurm's name, part of the request, how much of it the whole job asks for); memory in MB."""
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
    return float(match[1]) * UNITS[match[2]] if match else None


def _ask(*command: str) -> str | None:
    """A command's answer; None when it is absent or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
