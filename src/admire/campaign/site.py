"""The settings that a cluster's profile makes for all jobs: account, partitions, GPU type. Models set the rest (`resources`)."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from admire.campaign.schema.resources import Resources
from admire.errors import ConfigError

# key of the profile's `default-resources` -> attribute of `Site`
KEYS = {
    "slurm_account": "account",
    "slurm_partition": "partition",
    "gpu_partition": "gpu_partition",
    "gpu_type": "gpu_type",
    "runtime": "minutes",
    "mem_mb": "memory_mb",
}
# Snakemake sets this key itself, and without the exception it would look like a misspelt mem_mb.
ALIKE = ("mem_mib",)
# `snakemake --profile` looks in these folders, except in `profiles`, where this repository keeps its own.
PROFILES = (Path(), Path("profiles"), Path.home() / ".config/snakemake", Path("/etc/xdg/snakemake"))
SNAKEMAKE_MB = 200  # memory of the Snakemake process inside a Slurm job


@dataclass(frozen=True)
class Site:
    """A cluster as its profile describes it.

    Attributes:
        origin: the profile's file, for messages.
        partition: the partition of all jobs that need no GPU; None is the cluster's default.
        gpu_partition: the partition of jobs that need GPUs; None is `partition`.
        minutes: time limit of jobs that no model's `resources` describe.
        memory_mb: memory of such jobs, in MB.
        grouped: whether a trial's training and scoring run in one job.
    """

    origin: str
    account: str | None = None
    partition: str | None = None
    gpu_partition: str | None = None
    gpu_type: str | None = None
    minutes: int = 60
    memory_mb: int = 4000
    grouped: bool = True

    def partition_of(self, resources: Resources) -> str | None:
        """The partition in which a training with these resources runs; None is the cluster's default."""
        return (self.gpu_partition if resources.gpus else None) or self.partition

    def as_json(self) -> str:
        """This site as JSON, for the option `--site` of subcommands."""
        return json.dumps(vars(self))


def make_site(origin: str, defaults: dict[str, Any], grouped: bool) -> Site:
    """The site that a profile's `default-resources` describe. Resources with unrelated names are ignored.

    Raises:
        ConfigError: if a key looks like a misspelt one, because jobs would be submitted without that resource.
    """
    found: dict[str, Any] = {}
    for key in set(defaults) - set(KEYS) - set(ALIKE):
        near = difflib.get_close_matches(key, KEYS, 1, cutoff=0.85)
        if near:
            raise ConfigError(f"{origin}: default-resources: {key}: no job would request it; did you mean '{near[0]}'?")
    for key, name in KEYS.items():
        value = str(defaults.get(key, "")).strip("'\"")
        if name in ("minutes", "memory_mb"):
            # Snakemake's own defaults are formulas, which do not count as set by the profile.
            found |= {name: int(value)} if value.isdigit() else {}
        elif value:
            found[name] = value
    return Site(origin, **found, grouped=grouped)


def read_site(profile: str) -> Site:
    """Read a profile, which is a folder or a name that is looked up as Snakemake does.

    Raises:
        ConfigError: if there is no such profile.
    """
    found = [path for root in PROFILES if (path := root / profile / "config.yaml").is_file()]
    if not found:
        raise ConfigError(f"--profile {profile}: no such folder with a config.yaml; the shipped one is profiles/slurm")
    raw = yaml.safe_load(found[0].read_text(encoding="utf-8")) or {}
    defaults = raw.get("default-resources") or {}
    if isinstance(defaults, list):
        defaults = dict(entry.split("=", 1) for entry in defaults)
    return make_site(str(found[0]), defaults, bool(raw.get("groups")))


def memory_mb(resources: Resources) -> int:
    """The memory that a training's job requests, in MB: the model's, and that of the Snakemake process inside the job."""
    return int(resources.mem_gb * 1000) + SNAKEMAKE_MB
