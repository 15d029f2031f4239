"""What a cluster's profile says once for all jobs: account, partitions, GPU type. Models say the rest (`resources`)."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from admire.campaign.schema.resources import Resources
from admire.errors import ConfigError

# `default-resources` of the profile -> what it is called here
KEYS = {
    "slurm_account": "account",
    "slurm_partition": "partition",
    "gpu_partition": "gpu_partition",
    "gpu_type": "gpu_type",
    "runtime": "minutes",
    "mem_mb": "memory_mb",
}
ALIKE = ("mem_mib",)  # Snakemake's own, beside mem_mb
# where `snakemake --profile` looks, and where this repository keeps them
PROFILES = (Path(), Path("profiles"), Path.home() / ".config/snakemake", Path("/etc/xdg/snakemake"))
SNAKEMAKE_MB = 200  # what the Snakemake inside a Slurm job takes


@dataclass(frozen=True)
class Site:
    """A cluster as its profile describes it.

    Attributes:
        origin: the profile, for messages.
        partition: of everything that needs no GPU; None is the cluster's default.
        grouped: whether a trial's training and scoring are one job.
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
        """Where a model's trainings run."""
        return (self.gpu_partition if resources.gpus else None) or self.partition

    def as_json(self) -> str:
        """For a subcommand's `--site`."""
        return json.dumps(vars(self))


def make_site(origin: str, defaults: dict[str, Any], grouped: bool) -> Site:
    """The site that a profile's `default-resources` describe; resources of other names are none of its business.

    Raises:
        ConfigError: if one is misspelt: jobs would be submitted without it.
    """
    found: dict[str, Any] = {}
    for key in set(defaults) - set(KEYS) - set(ALIKE):
        near = difflib.get_close_matches(key, KEYS, 1, cutoff=0.85)
        if near:
            raise ConfigError(f"{origin}: default-resources: {key}: no job would ask for it; did you mean '{near[0]}'?")
    for key, name in KEYS.items():
        value = str(defaults.get(key, "")).strip("'\"")
        if name in ("minutes", "memory_mb"):
            found |= {name: int(value)} if value.isdigit() else {}  # Snakemake's own defaults are formulas
        elif value:
            found[name] = value
    return Site(origin, **found, grouped=grouped)


def read_site(profile: str) -> Site:
    """Read a profile: a folder, or a name that is looked up as Snakemake does it.

    Raises:
        ConfigError: if there is none.
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
    """What a training's job asks for: the model's memory, and that of the Snakemake around it."""
    return int(resources.mem_gb * 1000) + SNAKEMAKE_MB
