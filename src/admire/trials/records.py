"""Typed records of the outcomes of trainings and evaluations, with their provenance.

Snakemake deletes a declared output when it believes that the job was incomplete, and a killed controller leaves marks that say so.
Therefore an undeclared copy in `kept/` is the authority, and the declared file is written from it. A subcommand that finds the
copy only restores the declared file, so a finished trial cannot be trained again by accident.
"""

from __future__ import annotations

import functools
import math
import os
import platform
import socket
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from admire import __version__
from admire.campaign.layout import kept, standing
from admire.errors import TrialError
from admire.output.credentials import masked_value
from admire.trials.atomic_files import read_json, write_json

Kind = TypeVar("Kind", bound="Record")

# These variables point git at another repository than that of the folder it is given (`git rev-parse --local-env-vars`).
ELSEWHERE = {
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
}
HELD_BACK = "held back"


class Record(BaseModel):
    """The base of all records. A record cannot be changed, and unknown keys in its file are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TrainRecord(Record):
    """The outcome of a training, `train.json`.

    Attributes:
        reason: why the training failed; None if it did not.
        steps: number of optimiser steps taken, those of a shorter training that it resumed included.
        continued_from: the step of the shorter training from which it resumed; 0 if it began at step 0.
        tokens: number of tokens seen, padding excluded.
        loss: training loss of the last logged window, in nats per token.
        seconds: wall time inside the training loop, over all attempts, from `continued_from` on.
        validation_seconds: the part of `seconds` in which held-out rows were scored.
        first_step_seconds: seconds from the start of the command to its first step, in the last attempt.
        cpu_seconds: CPU time of the attempt that finished, imports included; of the first process if there were several.
        tokens_per_second: throughput of training alone, without validation.
        learned: sha256 of a source -> weight that a DoReMi proxy arrived at; empty for ordinary trainings.
        warnings: kind of warning by a library -> how often it came in the attempt that finished.
    """

    status: Literal["ok", "failed"]
    digest: str
    reason: str | None = None
    steps: int = 0
    planned_steps: int = 0
    continued_from: int = 0
    tokens: int = 0
    loss: float | None = None
    seconds: float = 0.0
    validation_seconds: float = 0.0
    first_step_seconds: float | None = None
    cpu_seconds: float = 0.0
    gpus: int = 0
    tokens_per_second: float | None = None
    attempts: int = 1
    parameters: int | None = None
    learned: dict[str, float] = {}
    warnings: dict[str, int] = {}
    provenance: dict[str, Any] = {}


class Score(Record):
    """The score of one metric.

    Attributes:
        stderr: standard error of `value`; None if it is unknown.
        n: number of items that were scored.
    """

    value: float
    stderr: float | None = None
    n: int | None = None


class EvaluationRecord(Record):
    """The scores of one suite, `evaluate/<suite>-<digest8>.json`.

    Attributes:
        status: `ok`, `skipped` if the training failed, or `failed` if no metric has a score.
        reason: why the suite was skipped or failed; None if it was scored.
        metrics: metric, without the name of the suite -> score.
        missing: metric that has no score -> the reason.
        warnings: kind of warning by a library -> how often it came while the suite was scored.
    """

    status: Literal["ok", "skipped", "failed"]
    suite: str
    split: str
    digest: str
    reason: str | None = None
    metrics: dict[str, Score] = {}
    missing: dict[str, str] = {}
    warnings: dict[str, int] = {}
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    provenance: dict[str, Any] = {}

    def why_missing(self, metric: str) -> str | None:
        """Why a metric (named without the suite) has no score; None if it has one."""
        if metric in self.metrics:
            return None
        return self.missing.get(metric) or self.reason or "its suite did not score it"


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of a trial, which makes the record of its outcome.

    Attributes:
        split: `validation` or `test`.
        digest: digest of the suite's settings and tasks.
    """

    suite: str
    split: str
    digest: str

    def without_scores(
        self, status: Literal["skipped", "failed"], reason: str, provenance: dict[str, Any]
    ) -> EvaluationRecord:
        """The record of a suite that could not be scored."""
        return EvaluationRecord(
            status=status, suite=self.suite, split=self.split, digest=self.digest, reason=reason, provenance=provenance
        )

    def scored(
        self,
        found: Mapping[str, Score],
        seconds: float,
        cpu_seconds: float,
        warnings: dict[str, int],
        provenance: dict[str, Any],
    ) -> EvaluationRecord:
        """The record of a suite that was scored. A value that is not a finite number is no score, and is listed as missing.

        Args:
            found: metric -> score, as the suite computed it.
            seconds: wall time of the scoring.
            cpu_seconds: CPU time of the process and of those that it started.
            warnings: kind of warning by a library -> how often it came.
        """
        metrics, missing = {}, {}
        for metric, score in found.items():
            if math.isfinite(score.value):
                finite = score.stderr is not None and math.isfinite(score.stderr)
                metrics[metric] = score if finite else score.model_copy(update={"stderr": None})
            else:
                missing[metric] = f"its value is {score.value:g}, which is no score"
        failed = not metrics
        reason = "; ".join(f"{metric}: {why}" for metric, why in missing.items()) or "the suite measured nothing"
        return EvaluationRecord(
            status="failed" if failed else "ok",
            suite=self.suite,
            split=self.split,
            digest=self.digest,
            reason=reason if failed else None,
            metrics=metrics,
            missing=missing,
            warnings=warnings,
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            provenance=provenance,
        )


def publish(path: Path, record: Record) -> None:
    """Write a record: first the kept copy, which Snakemake does not delete, then the declared file."""
    value = masked_value(record.model_dump(mode="json"))
    write_json(kept(path), value)
    write_json(path, value)


def restore(path: Path) -> bool:
    """Write the declared file again from its kept copy; False if there is none because the work was never finished."""
    if not kept(path).is_file():
        return False
    if not path.is_file():
        write_json(path, read_json(kept(path)))
    return True


def hold_back(path: Path, reason: str) -> None:
    """Write, in place of a record, a note that the work was not done. Snakemake takes it as output, but it is no record."""
    write_json(path, {"status": HELD_BACK, "reason": reason})


def held_back(path: Path) -> str | None:
    """The reason in a note that `hold_back` wrote to `path`; None if there is no such note."""
    value = read_json(path) if path.is_file() and not kept(path).is_file() else {}
    return value["reason"] if value.get("status") == HELD_BACK else None


def read_training(path: Path) -> TrainRecord | None:
    """Read a training's record; None while there is none."""
    value = _read(path)
    return None if value is None else TrainRecord.model_validate(value)


def finished_training(path: Path) -> TrainRecord:
    """Read the record of a training that must be finished.

    Raises:
        TrialError: if there is none.
    """
    return _required(read_training(path), path, "training", "admire train")


def read_evaluation(path: Path) -> EvaluationRecord | None:
    """Read an evaluation's record; None while there is none."""
    value = _read(path)
    return None if value is None else EvaluationRecord.model_validate(value)


def finished_evaluation(path: Path) -> EvaluationRecord:
    """Read the record of an evaluation that must be finished.

    Raises:
        TrialError: if there is none.
    """
    return _required(read_evaluation(path), path, "evaluation", "admire evaluate")


def _required(record: Kind | None, path: Path, kind: str, command: str) -> Kind:
    if record is None:
        raise TrialError(f"{path}: there is no record of this {kind}; run `{command}` for its trial")
    return record


def _read(path: Path) -> Any:
    source = standing(path)
    value = read_json(source) if source.is_file() else None
    return None if value is None or value["status"] == HELD_BACK else value


def provenance(*packages: str) -> dict[str, Any]:
    """The provenance of a result: versions, git commit, host, and the number of the Slurm job if there is one.

    Args:
        packages: names of the distributions whose versions are included.
    """
    from importlib.metadata import version

    found: dict[str, Any] = {
        "admire": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "host": socket.gethostname(),
        "commit": _commit(),
        "versions": {package: version(package) for package in packages},
    }
    if "SLURM_JOB_ID" in os.environ:
        found["slurm_job"] = os.environ["SLURM_JOB_ID"]
    return found


@functools.cache
def _commit() -> str | None:
    """The commit of this code, with `+dirty` if the package's files differ from it; None outside the project's own repository.

    If the package lies within another repository, unpacked or installed, git would return that repository's commit, which says
    nothing about this code.
    """
    package = Path(__file__).resolve().parents[1]
    own = package.parents[1]
    top = _git("rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != own or not _is_project(own):
        return None
    if _git("ls-files", "--error-unmatch", "--", str(package / "__init__.py")) is None:
        return None
    commit, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "--", str(package))
    return f"{commit}+dirty" if commit and changes else commit


def _is_project(folder: Path) -> bool:
    """Whether a folder is this project's, and not that of another project into which the package was copied."""
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False
    return project.get("project", {}).get("name") == "admire"


def _git(*arguments: str) -> str | None:
    """The output of a git command; None if there is no git, no repository or no output."""
    command = ["git", "-C", str(Path(__file__).resolve().parent), *arguments]
    # A git hook or the user's shell may have set variables that point git at another repository.
    environment = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    try:
        out = subprocess.run(command, capture_output=True, text=True, timeout=10, env=environment)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return out.stdout.strip() or None
