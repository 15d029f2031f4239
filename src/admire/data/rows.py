"""Opens prepared rows: a trial's mixture in training order, or a source's split."""

from __future__ import annotations

from pathlib import Path

import datasets
import numpy as np

from admire.campaign.layout import TrialLayout
from admire.data.mixing import read_manifest
from admire.data.shards import arrow_files
from admire.errors import SourceError, TrialError


def load_rows(trial: TrialLayout) -> datasets.Dataset:
    """The trial's rows in training order, memory-mapped.

    Returns:
        Columns `input_ids` (list of int32), `bytes` (int32) and, in fine-tuning, `assistant_masks` (list of int8).

    Raises:
        TrialError: if the trial's data is not built, or a source has another number of rows than the manifest says.
        SourceError: if a source is not prepared.
    """
    manifest, index = read_manifest(trial)
    parts = []
    for source in manifest["sources"]:
        rows = load_split(trial.results.root / source["folder"], "train")
        if len(rows) != source["available"]:
            raise TrialError(
                f"{trial.data}: source '{source['name']}' holds {len(rows)} rows, the index was built for "
                f"{source['available']}; run `admire build-data {trial.folder}`"
            )
        parts.append(rows)
    return datasets.concatenate_datasets(parts).select(index)


def row_sources(trial: TrialLayout) -> np.ndarray:
    """n source numbers (from 0, in the order of the spec), one per row of the trial, in training order."""
    manifest, index = read_manifest(trial)
    return np.searchsorted([source["offset"] for source in manifest["sources"]], index, side="right") - 1


def load_split(source_folder: Path, split: str) -> datasets.Dataset:
    """One split of a prepared source, memory-mapped.

    Args:
        source_folder: `results/sources/<name>/<digest>`.
        split: `train`, `validation` or `test`.

    Raises:
        SourceError: if the split is not there.
    """
    files = arrow_files(source_folder / split)
    if not files:
        raise SourceError(
            f"{source_folder / split}: these rows are not prepared here; run the workflow, which prepares sources"
        )
    return datasets.concatenate_datasets([datasets.Dataset.from_file(str(path)) for path in files])
