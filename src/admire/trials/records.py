"""Typed outcomes: what a training and an evaluation leave behind, with their provenance.

Snakemake deletes a declared output when it thinks a job incomplete (a killed controller leaves such marks). So the
authority is an undeclared copy in `kept/`; the declared file is written from it, and a subcommand that finds it there only
restores the file. That is what makes a finished trial impossible to retrain by accident.
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
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from admire import __version__
from admire.campaign.layout import kept, standing
from admire.errors import TrialError
from admire.output.credentials import masked_value
from admire.trials.atomic_files import read_json, write_json

# variables that make git look elsewhere than at the folder it is given (`git rev-parse --local-env-vars` lists them)
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
    """A record is read as it was written; unknown keys are a defect."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TrainRecord(Record):
    """Outcome of a training, `train.json`."""

    status: Literal["ok", "failed"]
    digest: str
    reason: str | None = None  # in words, when failed
    steps: int = 0  # optimiser steps taken, those of a shorter training that it continued included
    planned_steps: int = 0
    continued_from: int = 0  # the step of the shorter training that it went on from; 0: it began anew
    tokens: int = 0  # tokens seen, padding excluded
    loss: float | None = None  # training loss of the last logged window, nats a token
    seconds: float = 0.0  # wall time inside the training loop, all attempts, from `continued_from` on
    validation_seconds: float = 0.0  # of these, those that scored held-out rows
    first_step_seconds: float | None = None  # from the command's start to its first step, last attempt
    cpu_seconds: float = 0.0  # CPU time of the (first) process of the attempt that finished, imports included
    gpus: int = 0
    tokens_per_second: float | None = None  # of training alone
    attempts: int = 1
    parameters: int | None = None
    learned: dict[str, float] = {}  # sha256 of a source -> the weight that a proxy of DoReMi arrived at
    warnings: dict[str, int] = {}  # what the libraries warned of in the attempt that finished -> how often
    provenance: dict[str, Any] = {}


class Score(Record):
    """One metric."""

    value: float
    stderr: float | None = None
    n: int | None = None  # items scored


class EvaluationRecord(Record):
    """Scores of one suite, `evaluate/<suite>-<digest8>.json`; `skipped` where the training failed, `failed` where there is none."""

    status: Literal["ok", "skipped", "failed"]
    suite: str
    split: str
    digest: str
    reason: str | None = None  # in words, when skipped or failed
    metrics: dict[str, Score] = {}  # metric name without the suite
    missing: dict[str, str] = {}  # metric that has no score -> why
    warnings: dict[str, int] = {}  # what the scoring's libraries warned of -> how often
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    provenance: dict[str, Any] = {}

    def why_missing(self, metric: str) -> str | None:
        """Why a metric (named without the suite) has no score; None where it has one."""
        if metric in self.metrics:
            return None
        return self.missing.get(metric) or self.reason or "its suite did not score it"


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of a trial, and the records that it may end in.

    Attributes:
        split: `validation` or `test`.
        digest: of the suite's settings and tasks.
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
        """The record of a suite that was scored. What is not a finite number is no score: it is named among the missing.

        Args:
            found: metric -> score, as the suite computed it.
            seconds: wall time of the scoring.
            cpu_seconds: CPU time of the process and of those that it started.
            warnings: what the libraries warned of -> how often.
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
    """Write a record: first the copy that nobody deletes, then the declared file."""
    value = masked_value(record.model_dump(mode="json"))
    write_json(kept(path), value)
    write_json(path, value)


def restore(path: Path) -> bool:
    """Write the declared file again from its kept copy; False when the work was never finished."""
    if not kept(path).is_file():
        return False
    if not path.is_file():
        write_json(path, read_json(kept(path)))
    return True


def hold_back(path: Path, reason: str) -> None:
    """Write where a record would stand that the work was not begun: the workflow asks no more for it, and it is no record."""
    write_json(path, {"status": HELD_BACK, "reason": reason})


def held_back(path: Path) -> str | None:
    """Why work was not begun; None unless that is so."""
    value = read_json(path) if path.is_file() and not kept(path).is_file() else {}
    return value["reason"] if value.get("status") == HELD_BACK else None


def read_training(path: Path) -> TrainRecord | None:
    """The training's record, or None while there is none."""
    value = _read(path)
    return None if value is None else TrainRecord.model_validate(value)


def finished_training(path: Path) -> TrainRecord:
    """The record of a training that is finished.

    Raises:
        TrialError: if there is none.
    """
    record = read_training(path)
    if record is None:
        raise TrialError(f"{path}: there is no record of this training; run `admire train` for its trial")
    return record


def read_evaluation(path: Path) -> EvaluationRecord | None:
    """An evaluation's record, or None while there is none."""
    value = _read(path)
    return None if value is None else EvaluationRecord.model_validate(value)


def finished_evaluation(path: Path) -> EvaluationRecord:
    """The record of an evaluation that is finished.

    Raises:
        TrialError: if there is none.
    """
    record = read_evaluation(path)
    if record is None:
        raise TrialError(f"{path}: there is no record of this evaluation; run `admire evaluate` for its trial")
    return record


def _read(path: Path) -> Any:
    source = standing(path)
    value = read_json(source) if source.is_file() else None
    return None if value is None or value["status"] == HELD_BACK else value


def provenance(*packages: str) -> dict[str, Any]:
    """Where a number comes from: versions, git commit, host, and the Slurm job if there is one.

    Args:
        packages: distributions whose versions matter.
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
    """The commit of this code, `+dirty` when the package's files differ from it; None when it does not run from its own repository.

    A package that lies unpacked or installed within another repository has that one's commit around it, which says nothing
    about this code.
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
    """Whether a folder is this project's, and not another's into which the package was copied."""
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False
    return project.get("project", {}).get("name") == "admire"


def _git(*arguments: str) -> str | None:
    """What git prints; None where there is no git, no repository or nothing to print."""
    command = ["git", "-C", str(Path(__file__).resolve().parent), *arguments]
    # a hook, or somebody's shell, may point git at another repository
    environment = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    try:
        out = subprocess.run(command, capture_output=True, text=True, timeout=10, env=environment)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return out.stdout.strip() or None
