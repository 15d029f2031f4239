"""The kinds of job that a campaign submits, and the resources that each requests from Slurm."""

from __future__ import annotations

from dataclasses import dataclass, replace

from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.resources import Resources
from admire.campaign.site import Site, memory_mb
from admire.loop.resources import RECORDING_MINUTES


@dataclass(frozen=True)
class Request:
    """One kind of job.

    Attributes:
        what: the kind of job in words, for messages.
        keys: part of the request -> the file and key that set it, for messages.
        gpus: number of GPUs per node.
        minutes: time limit; None for the partition's own.
        memory_mb: memory per node in MB; None for the cluster's default.
        threads: number of CPUs per node.
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
        """The options of sbatch that request such a job."""
        kind = f"{self.gpu_type}:" if self.gpu_type else ""
        found = [f"--nodes={self.nodes}", f"--ntasks={self.nodes}", f"--cpus-per-task={self.threads}"]
        found += [f"--account={self.account}"] if self.account else []
        found += [f"--partition={self.partition}"] if self.partition else []
        found += [f"--gpus={kind}{self.gpus * self.nodes}"] if self.gpus else []
        found += [f"--gres=gpu:{kind}{self.gpus}"] if self.gpus and self.nodes > 1 else []
        found += [f"--time={self.minutes}"] if self.minutes else []
        return found + ([f"--mem={self.memory_mb}"] if self.memory_mb else [])


def requests(campaign: Campaign, origin: str, site: Site) -> list[Request]:
    """One request per kind of job that the campaign submits.

    Args:
        origin: the configuration file, as messages name it.
        site: the cluster.
    """
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
        # Grouped, one job does the training and all evaluations of a trial, and its time limit is their sum.
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
    """The request with the threads, nodes and GPUs of these resources."""
    return replace(request, threads=needs.threads * needs.workers, nodes=needs.nodes, gpus=needs.gpus)
