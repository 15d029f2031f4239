"""The division of a batch: rows per optimiser step = processes x rows that a process computes at once x passes."""

from __future__ import annotations

from dataclasses import dataclass

from admire.errors import ConfigError


@dataclass(frozen=True)
class Batch:
    """The part of one optimiser step that one process computes.

    Attributes:
        rows: number of rows that are computed at once.
        passes: number of forward and backward passes whose gradients are summed (gradient accumulation).
    """

    rows: int
    passes: int


def share(batch_size: int, processes: int, rows_per_device: int | None) -> Batch:
    """Divide a batch among processes and passes.

    Raises:
        ConfigError: if there would be a remainder; names the keys and the fix, but not the model.
    """
    each, rest = divmod(batch_size, processes)
    if rest:
        raise ConfigError(
            f"training.batch_size: {batch_size} rows cannot be divided among {processes} processes; make it a multiple of "
            f"{processes}, which is resources.nodes x resources.gpus (or, without GPUs, x resources.processes)"
        )
    rows = min(rows_per_device or each, each)
    if each % rows:
        fitting = max(divisor for divisor in range(1, rows + 1) if each % divisor == 0)
        raise ConfigError(
            f"resources.rows_per_device: a process's {each} rows of a batch (training.batch_size {batch_size} / {processes} "
            f"processes) are no multiple of {rows}; set it to {fitting}, or change training.batch_size"
        )
    return Batch(rows, each // rows)
