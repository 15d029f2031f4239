"""What the job of a training, or of its scoring, asks a scheduler for: made from the model's resources, the site, and how the
training's earlier attempts ended.
"""

from __future__ import annotations

from dataclasses import dataclass

from admire.campaign.layout import TrialLayout
from admire.campaign.schema.resources import Resources
from admire.campaign.site import Site, memory_mb
from admire.trials.attempts import LEGS, Attempts
from admire.trials.nodes import Nodes

# Real tries at a training; one more only records that it failed.
ATTEMPTS = 3
# How often a job is tried again: beside real tries, its scheduler may stop a training or take it back.
RETRIES = ATTEMPTS + LEGS
# After the last attempt, one more job records the failure; it needs no more time than this.
RECORDING_MINUTES = 5
WARNING_SECONDS = 300  # before the time limit, at most


@dataclass(frozen=True)
class JobRequest:
    """The resources of one job.

    Attributes:
        model: what the model declares.
        asks: what this attempt needs of that.
        attempt: which real try this is, from 1.
    """

    model: Resources
    asks: Resources
    site: Site
    attempt: int

    @property
    def threads(self) -> int:
        """CPU threads on each node, those of all its processes."""
        return self.asks.threads * self.asks.workers

    @property
    def gpus(self) -> int:
        """GPUs on all nodes together."""
        return self.asks.gpus * self.asks.nodes

    @property
    def gpu_type(self) -> str | None:
        """The GPUs' type, when GPUs are asked for and the profile names one."""
        return self.site.gpu_type if self.asks.gpus else None

    @property
    def nodes(self) -> int:
        """How many nodes."""
        return self.asks.nodes

    @property
    def minutes(self) -> int:
        """The time limit."""
        return self.asks.minutes

    @property
    def memory_mb(self) -> int:
        """Main memory of each node."""
        return memory_mb(self.model)

    @property
    def partition(self) -> str | None:
        """Trainings with GPUs run where the profile says that GPUs are; the attempt that records a failure needs none."""
        return self.site.partition_of(self.asks)

    @property
    def mpi(self) -> str | None:
        """What starts the processes of a job on several nodes; None on one, as all that only those jobs have."""
        return "srun" if self._several else None

    @property
    def tasks(self) -> int | None:
        """One task per node, which Snakemake's plugin for Slurm lets only MPI jobs have."""
        return self.asks.nodes if self._several else None

    @property
    def tasks_per_gpu(self) -> int | None:
        """None of the tasks belong to a GPU."""
        return 0 if self._several else None

    @property
    def gres(self) -> str | None:
        """The GPUs of each node, as sbatch takes them."""
        kind = f":{self.site.gpu_type}" if self.site.gpu_type else ""
        return f"gpu{kind}:{self.asks.gpus}" if self._several and self.asks.gpus else None

    def slurm_extra(self, nodes: Nodes, trial: TrialLayout) -> str:
        """A warning before the time limit, early enough to write a checkpoint, late enough to have trained; a requeued job's log
        keeps what it held before; and nodes on which trainings break at once are left out.
        """
        lead = min(WARNING_SECONDS, self.model.minutes * 60 // 5)
        extra = f"--signal=TERM@{lead} --open-mode=append"
        gpu = f"gpu:{self.site.gpu_type}" if self.site.gpu_type else "gpu"
        bad = nodes.to_leave_out(trial, self.partition, gpu if self.asks.gpus else None, self.asks.nodes)
        return f"{extra} --exclude={','.join(bad)}" if bad else extra

    @property
    def _several(self) -> bool:
        return self.asks.nodes > 1


def job_request(model: Resources, site: Site, attempts: Attempts, attempt: int, alone: bool) -> JobRequest:
    """What a model asks for while it is trained; the attempt that only records the failure asks for no GPU. In the training's
    job an evaluation asks for the same when that is submitted; inside it nobody knows any more that it was grouped.

    Args:
        attempts: those of the training.
        attempt: how often the scheduler was or is asked for this job, from 1.
        alone: whether the job is an evaluation that is not in the training's job.
    """
    real = tries(attempts, attempt)
    if real > ATTEMPTS:
        asks = model.model_copy(update={"gpus": 0, "nodes": 1, "processes": 1, "minutes": RECORDING_MINUTES})
    else:
        asks = model.of_evaluation if alone else model
    return JobRequest(model, asks, site, real)


def tries(attempts: Attempts, attempt: int) -> int:
    """Which real try at the training this is: neither legs that ended with a checkpoint, as the scheduler asked, nor jobs that
    were refused, never began or were taken back are any.
    """
    return max(min(attempt - attempts.legs, attempts.failures + 1), 1)
