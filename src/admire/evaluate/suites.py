"""Scores one suite on one model, in this process or in several workers that share the items, each with the suite's batch size."""

from __future__ import annotations

import functools
import importlib
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.evaluation import DomainLoss
from admire.campaign.schema.resources import Resources
from admire.distributed.torchrun import start_processes
from admire.errors import AdmireError, TrialError
from admire.trials.complaints import counted
from admire.trials.records import Score

# A scorer takes the folder of a saved model, a split and a counter of warnings, and returns metric -> score.
Scorer = Callable[[Path, str, Counter[str]], dict[str, Score]]


@dataclass(frozen=True)
class Outcome:
    """The scores of a model on a suite.

    Attributes:
        metrics: metric without the suite's name -> score.
        packages: distributions whose versions belong into the record.
        threads: CPU threads per process.
        seconds: wall time of the scoring, without the starts of processes.
        warnings: kind -> number of warnings in the first process.
    """

    metrics: dict[str, Score]
    packages: tuple[str, ...]
    threads: int
    seconds: float
    warnings: dict[str, int] = field(default_factory=dict)


def score(
    campaign: Campaign, suite: str, model: Path, split: str, threads: int | None, resources: Resources
) -> Outcome:
    """Score the model in `resources.evaluation_processes` processes.

    Args:
        model: the folder of the saved model.
        split: `validation` or `test`.
        threads: CPU threads per process; None leaves the choice to PyTorch.

    Raises:
        AdmireError: if the suite refuses the model or its own settings.
        ProcessEndedError: if one of several processes broke or was killed.
    """
    arguments = (campaign, suite, model, split, threads)
    count = resources.evaluation_processes
    if count == 1:
        return _score(*arguments)
    found = start_processes(
        _score_as_one_of_several, *arguments, resources, processes=count, threads=resources.threads
    )[0]
    if isinstance(found, AdmireError):
        raise found
    return found


def _score_as_one_of_several(
    campaign: Campaign, suite: str, model: Path, split: str, threads: int | None, resources: Resources
) -> Outcome | AdmireError:
    """The work of one of several workers. A refusal is returned, because the launching process cannot catch errors of workers."""
    import torch

    seen, wanted = torch.cuda.device_count(), resources.evaluation_processes
    if seen < wanted and (seen or resources.gpus):
        return TrialError(
            f"resources.evaluation_processes: {wanted} processes were started and see {seen or 'no'} GPUs; look at `nvidia-smi`, "
            "or install a GPU build of PyTorch (README, GPU builds)"
        )
    try:
        return _score(campaign, suite, model, split, threads)
    except AdmireError as error:
        return error
    except Exception:  # The launcher reports only that a worker ended, so the traceback is printed here.
        traceback.print_exc()
        raise


def _score(campaign: Campaign, suite: str, model: Path, split: str, threads: int | None) -> Outcome:
    import torch

    packages, scores = _scorer(campaign, suite)
    if threads is not None:
        torch.set_num_threads(threads)
    begin = time.perf_counter()
    for (
        package
    ) in packages:  # Imported later, some would set up their own logging inside the block that counts warnings.
        importlib.import_module(package)
    with counted() as said:
        metrics = scores(model, split, said)
    seconds, warnings = time.perf_counter() - begin, {kind: count for kind, count in sorted(said.items()) if count}
    return Outcome(metrics, packages, torch.get_num_threads(), seconds, warnings)


def _scorer(campaign: Campaign, suite: str) -> tuple[tuple[str, ...], Scorer]:
    """The distributions and the function with which a suite is scored."""
    settings = campaign.evaluation[suite]
    if isinstance(settings, DomainLoss):
        from admire.evaluate import domain_loss

        return domain_loss.PACKAGES, functools.partial(domain_loss.scores, campaign, settings)
    from admire.evaluate import lm_eval_suite

    return lm_eval_suite.PACKAGES, functools.partial(lm_eval_suite.scores, campaign, settings)
