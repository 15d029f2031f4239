"""How a batch is shared: rows of one optimiser step = processes x rows that each computes at once x passes."""

from __future__ import annotations

from dataclasses import dataclass

from admire.errors import ConfigError


@dataclass(frozen=True)
class Batch:
    """One optimiser step's rows as a process sees them.

    Attributes:
        rows: computed at once.
        passes: forward and backward passes whose gradients are added up (gradient accumulation).
    """

    rows: int
    passes: int


def share(batch_size: int, processes: int, rows_per_device: int | None) -> Batch:
    """Divide a batch among processes and passes.

    Raises:
        ConfigError: if there would be a remainder; names keys and mend, not the place.
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
