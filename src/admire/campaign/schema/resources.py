"""The section `models[].resources`: what machines must give a training."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from admire.campaign.schema.base import Strict


class Resources(Strict):
    """What any machine must give one training, and how the training uses it. Partition, account and GPU type belong in the
    profile. Nothing here decides an outcome beyond rounding, but `threads` on CPU; each may change at any time."""

    gpus: Annotated[int, Field(ge=0)] = 0
    """GPUs on each node; a training has one process a GPU."""
    nodes: PositiveInt = 1
    """Nodes that train together."""
    processes: PositiveInt = 1
    """Without GPUs: processes on each node that share the batches."""
    evaluation_processes: PositiveInt = 1
    """Processes, on one node and with a GPU each where there are GPUs, that share the items of an evaluation."""
    threads: PositiveInt = 1
    """CPU threads of each process; on CPU they enter the trial's identity, because sums depend on them."""
    minutes: PositiveInt = 60
    """Time limit."""
    mem_gb: PositiveFloat = 4
    """Main memory of each node."""
    rows_per_device: PositiveInt | None = None
    """Rows that one process computes at once; `training.batch_size` is gathered over processes and over several such
    passes. Left out: a process's whole share of a batch."""
    sharding: Literal["none", "full"] = "none"
    """`full` spreads weights, gradients and optimiser state over the GPUs (FSDP2), for models that one does not hold; `none`
    keeps a copy on each."""
    activation_checkpointing: bool = False
    """Compute activations twice instead of keeping them: less memory, about a third more time."""
    attention: Literal["sdpa", "flash_attention_2"] = "sdpa"
    """The attention's implementation: PyTorch's own, or the `flash-attn` package where it is installed."""
    padding_free: bool = False
    """Fine-tuning: lay the conversations of a pass end to end instead of padding them to the longest; wants
    `flash_attention_2`, correct but slow without."""
    liger: bool = False
    """Fused kernels of the `liger-kernel` package, where it is installed: layers, and in pre-training the loss (in
    fine-tuning TRL's fused loss is always used)."""

    @model_validator(mode="after")
    def _one_kind_of_process(self) -> Resources:
        if self.gpus and self.processes > 1:
            raise ValueError(
                "processes are for training on CPU; with gpus there is one process a GPU: remove processes"
            )
        if self.gpus and self.evaluation_processes > self.gpus:
            raise ValueError(
                f"evaluation_processes: {self.evaluation_processes} processes need a GPU each, and gpus says {self.gpus}; lower it"
            )
        return self

    @property
    def workers(self) -> int:
        """Processes on each node."""
        return self.gpus or self.processes

    @property
    def world(self) -> int:
        """Processes of one training, on all nodes."""
        return self.nodes * self.workers

    @property
    def of_evaluation(self) -> Resources:
        """What an evaluation in a job of its own needs of these: one node, a process and a GPU where it uses one."""
        gpus = min(self.gpus, self.evaluation_processes)
        processes = 1 if gpus else self.evaluation_processes
        return self.model_copy(update={"gpus": gpus, "processes": processes, "nodes": 1})
