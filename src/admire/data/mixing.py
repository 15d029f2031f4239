"""Builds a trial's data: an index of exact counts of rows per source in training order. No data is copied.

Each source has one permutation of its rows, and a mixture takes the first rows of it. Two mixtures therefore share as many rows as
possible, which makes their scores comparable (common random numbers). Beyond one epoch the same permutation starts again. The
training order sorts a hash of (source, epoch, row), so that shared rows also have the same relative order. Only the spec and the
sources' cards are read.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np

from admire.campaign.layout import TrialLayout, kept
from admire.data.row_order import Drawn, mix
from admire.errors import SourceError, TrialError
from admire.trials.atomic_files import read_json, write_bytes, write_json
from admire.trials.identity import Spec


def build_data(trial: TrialLayout) -> Path:
    """Write a trial's `index.npy` and then its manifest `data.json`, and return the manifest's path.

    Raises:
        TrialError: if the trial has no spec.
        SourceError: if a source is not prepared, or has other rows than those with which the trial was decided.
    """
    spec = Spec.load(trial)
    cards = [_card(trial, source) for source in spec.sources]
    drawn = [
        Drawn(source["sha256"], card["rows"], source["rows"]) for source, card in zip(spec.sources, cards, strict=True)
    ]
    content = io.BytesIO()
    np.save(content, mix(drawn, spec.seed))
    offsets = np.cumsum([0, *(source.available for source in drawn)])
    manifest = {
        "digest": spec.digest,
        "rows": spec.rows,
        "sources": [
            {
                "name": source["name"],
                "folder": source["folder"],
                "sha256": source["sha256"],
                "available": part.available,
                "offset": int(offset),
                "rows": part.rows,
                "epochs": part.rows / part.available,
            }
            for source, part, offset in zip(spec.sources, drawn, offsets[:-1], strict=True)
        ],
        "order_seed": spec.seed,
        "index_sha256": hashlib.sha256(content.getvalue()).hexdigest(),
        "tokens_estimate": sum(
            round(card["tokens"] * part.rows / part.available) for card, part in zip(cards, drawn, strict=True)
        ),
    }
    write_bytes(trial.index, content.getvalue())
    write_json(trial.data, manifest)
    return trial.data


def read_manifest(trial: TrialLayout) -> tuple[dict[str, Any], np.ndarray]:
    """The manifest and the index of a trial whose data was built.

    Raises:
        TrialError: if they are missing, or the index is not that of the manifest.
    """
    mend = f"run `admire build-data {trial.folder}`"
    if not (trial.data.is_file() and trial.index.is_file()):
        raise TrialError(f"{trial.folder}: the trial's data is not built; {mend}")
    manifest, content = read_json(trial.data), trial.index.read_bytes()
    if hashlib.sha256(content).hexdigest() != manifest["index_sha256"]:
        raise TrialError(f"{trial.index}: it is not the index that {trial.data.name} describes; {mend}")
    return manifest, np.load(io.BytesIO(content))


def _card(trial: TrialLayout, source: dict[str, Any]) -> dict[str, Any]:
    """The entry of a source's card on its training rows.

    Raises:
        SourceError: if the source is not prepared, or its rows are not those of the spec.
    """
    folder = trial.results.root / source["folder"]
    path = next((path for path in (folder / "card.json", kept(folder / "card.json")) if path.is_file()), None)
    if path is None:
        raise SourceError(
            f"{folder}: source '{source['name']}' of trial {trial.folder.name} is not prepared here; "
            f"run the workflow, or `admire prepare-source {source['name']}` with the trial's campaign"
        )
    train = read_json(path)["splits"]["train"]
    if train["sha256"] != source["sha256"]:
        raise SourceError(
            f"{path}: source '{source['name']}' holds other rows ({train['sha256'][:12]}) than trial "
            f"{trial.folder.name} was decided for ({source['sha256'][:12]}); restore that folder, or give the campaign "
            "a new name"
        )
    return train
