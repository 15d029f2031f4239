"""One suite on one model, in this process or in several that share its items; a batch is what the suite says in each of them."""

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

# a saved model, a split and a count of warnings -> metric -> score
Scorer = Callable[[Path, str, Counter[str]], dict[str, Score]]


@dataclass(frozen=True)
class Outcome:
    """What a suite says of a model.

    Attributes:
        metrics: metric without the suite's name -> score.
        packages: distributions that it was scored with.
        threads: CPU threads of each process.
        seconds: wall time of the scoring, without the processes' starts.
        warnings: kind -> how often (the first process's own).
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
        model: the saved model.
        split: `validation` or `test`.
        threads: CPU threads of each process; PyTorch's own choice when None.

    Raises:
        AdmireError: what the suite refuses.
        ProcessEndedError: if one of several processes broke or was killed.
    """
    told = (campaign, suite, model, split, threads)
    count = resources.evaluation_processes
    if count == 1:
        return _score(*told)
    found = start_processes(_score_as_one_of_several, *told, resources, processes=count, threads=resources.threads)[0]
    if isinstance(found, AdmireError):
        raise found
    return found


def _score_as_one_of_several(
    campaign: Campaign, suite: str, model: Path, split: str, threads: int | None, resources: Resources
) -> Outcome | AdmireError:
    """What one of several processes does; what is refused is told to the process that launched it."""
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
    except Exception:  # whatever breaks: the launcher tells of the end alone and keeps the traceback to itself
        traceback.print_exc()
        raise


def _score(campaign: Campaign, suite: str, model: Path, split: str, threads: int | None) -> Outcome:
    import torch

    packages, scores = _scorer(campaign, suite)
    if threads is not None:
        torch.set_num_threads(threads)
    begin = time.perf_counter()
    for package in packages:  # or some would set up their own logs inside the block
        importlib.import_module(package)
    with counted() as said:
        metrics = scores(model, split, said)
    seconds, warnings = time.perf_counter() - begin, {kind: count for kind, count in sorted(said.items()) if count}
    return Outcome(metrics, packages, torch.get_num_threads(), seconds, warnings)


def _scorer(campaign: Campaign, suite: str) -> tuple[tuple[str, ...], Scorer]:
    """What a suite is scored with: distributions, and the function."""
    settings = campaign.evaluation[suite]
    if isinstance(settings, DomainLoss):
        from admire.evaluate import domain_loss

        return domain_loss.PACKAGES, functools.partial(domain_loss.scores, campaign, settings)
    from admire.evaluate import lm_eval_suite

    return lm_eval_suite.PACKAGES, functools.partial(lm_eval_suite.scores, campaign, settings)
