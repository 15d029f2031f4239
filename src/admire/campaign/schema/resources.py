"""The section `models[].resources`: the hardware and time that a training needs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from admire.campaign.schema.base import Strict


class Resources(Strict):
    """The hardware and time that one training needs on any cluster, and how the training uses them. Partition, account and GPU
    type belong in the profile. Apart from `threads` on CPU, no key here changes an outcome by more than rounding, and each may
    change at any time."""

    gpus: Annotated[int, Field(ge=0)] = 0
    """Number of GPUs per node. A training runs one process per GPU."""
    nodes: PositiveInt = 1
    """Number of nodes that train one model together."""
    processes: PositiveInt = 1
    """Without GPUs: number of processes per node, among which each batch is divided."""
    evaluation_processes: PositiveInt = 1
    """Number of processes that share the items of an evaluation. They run on one node, each with a GPU of its own if `gpus` is
    not 0."""
    threads: PositiveInt = 1
    """Number of CPU threads per process. For trainings on CPU it enters the trial's identity, because floating-point sums depend
    on it."""
    minutes: PositiveInt = 60
    """Time limit of a training's job, in minutes."""
    mem_gb: PositiveFloat = 4
    """Main memory per node, in GB."""
    rows_per_device: PositiveInt | None = None
    """Number of rows that one process computes at once. A batch of `training.batch_size` rows is accumulated over all processes
    and as many passes as are needed. If left out, a process computes its whole part of a batch at once."""
    sharding: Literal["none", "full"] = "none"
    """`full` spreads weights, gradients and optimiser state over the GPUs (FSDP2), for models that do not fit on one GPU; `none`
    keeps a whole copy on each GPU."""
    activation_checkpointing: bool = False
    """Compute activations twice instead of keeping them in memory: less memory, about a third more time."""
    attention: Literal["sdpa", "flash_attention_2"] = "sdpa"
    """The implementation of attention: PyTorch's own, or that of the `flash-attn` package, which must be installed."""
    padding_free: bool = False
    """Fine-tuning: concatenate the conversations of a pass instead of padding them to the longest. Use it with
    `flash_attention_2`; without, it is correct but slow."""
    liger: bool = False
    """Use the fused kernels of the `liger-kernel` package, which must be installed, for layers and, in pre-training, for the
    loss. In fine-tuning TRL's fused loss is always used."""

    @model_validator(mode="after")
    def _one_kind_of_process(self) -> Resources:
        if self.gpus and self.processes > 1:
            raise ValueError(
                "processes are for training on CPU; with gpus there is one process per GPU: remove processes"
            )
        if self.gpus and self.evaluation_processes > self.gpus:
            raise ValueError(
                f"evaluation_processes: {self.evaluation_processes} processes need a GPU each, and gpus says {self.gpus}; lower it"
            )
        return self

    @property
    def workers(self) -> int:
        """Number of processes per node."""
        return self.gpus or self.processes

    @property
    def world(self) -> int:
        """Number of processes of one training, over all nodes."""
        return self.nodes * self.workers

    @property
    def of_evaluation(self) -> Resources:
        """The resources of an evaluation that runs in a job of its own: one node, and one GPU per process if it uses GPUs."""
        gpus = min(self.gpus, self.evaluation_processes)
        processes = 1 if gpus else self.evaluation_processes
        return self.model_copy(update={"gpus": gpus, "processes": processes, "nodes": 1})
