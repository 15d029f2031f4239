"""Tasks of the lm-evaluation-harness, through its Python API.

Task files of a folder (`include_path`) can depend on the split: lm-eval passes it, as `admire_split` in the task's metadata, to
the function that makes their items. Tasks that lm-eval ships score the split that their authors chose, in campaigns and in
comparisons alike, so a comparison on them scores new trainings on the campaign's items.

The reported standard errors are those over items. All trials are scored on the same items, so these are not the noise between
trials.

Several workers share the items of each task. With another number of workers, batches hold other items, so that scores differ in
rounding, and answers that are drawn at random differ.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import itertools
import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from admire.campaign import task_files
from admire.campaign.answers import ANSWERS, answers_version
from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.evaluation import Benchmarks
from admire.campaign.shots import check_shots
from admire.campaign.task_files import TaskFile
from admire.campaign.task_keys import check_keys
from admire.distributed.ranks import Ranks
from admire.errors import ConfigError
from admire.evaluate.code_blocks import answers_read_by
from admire.evaluate.loading import NotCheckedError, check_whole
from admire.evaluate.prompts import check_cut, cut_items, repeated_items
from admire.evaluate.sandbox.box import opened
from admire.evaluate.task_checks import check_file, check_filter
from admire.evaluate.task_code import check_code, check_same_files, guarded_templates
from admire.evaluate.task_data import check_data
from admire.evaluate.task_words import check_words
from admire.evaluate.templates import check_templates, name_chat_template, named_templates
from admire.trials.records import Score

if TYPE_CHECKING:
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.models.huggingface import HFLM

PACKAGES = ("torch", "transformers", "datasets", "accelerate", "lm_eval")
SEED = 1234  # It seeds the draws of few-shot examples and the bootstrap.
BOOTSTRAP = 100  # For metrics that are not means, standard errors come from so many resamples.


def check_tasks(suite: Benchmarks) -> None:
    """Refuse suites that fail with any model: unknown tasks or metrics, or tasks that run generated code without consent.

    Takes milliseconds if `include_path` has all tasks, otherwise a second or two for the names of the 14,000 tasks of lm-eval.

    Raises:
        ConfigError: names the task and, for an unknown name, the most similar known one.
    """
    check_code(suite)
    files = task_files.places(suite)
    owners: dict[str, str] = {}
    for task in suite.tasks:
        if task not in files:
            raise ConfigError(_unknown_task(suite, files, task))
        leaves = task_files.leaves(files, task)
        check_keys(leaves)
        for leaf in leaves:
            if not leaf.is_whole:
                member = leaf.name.partition("::")[2]
                raise ConfigError(f"tasks.{task}: its member {member} is no task; correct {files[task]}")
        if not suite.runs_code:
            _check_runs_no_code(task, leaves)
        _check_metric(task_files.read(files[task]), leaves, task, suite.metric_of(task))
        check_filter(task, leaves, suite.metric_of(task))
        check_shots(task, leaves, suite.few_shot_of(task))
        _check_once(task, leaves, owners)
    for task in suite.tasks:
        for leaf in task_files.leaves(files, task):
            check_file(task, leaf)
    check_data(suite)
    check_words(suite)
    check_templates(suite)


def scores(
    campaign: Campaign, suite: Benchmarks, model_folder: Path, split: str, said: Counter[str] | None = None
) -> dict[str, Score]:
    """Task -> score in the metric that the suite names for it. Of several workers the first returns it, the others an empty dict.

    Args:
        model_folder: the folder of the saved model with its tokenizer.
        split: `validation` or `test`, for task files that have both.
        said: a counter, to which cut prompts and repeated items are added.

    Raises:
        ConfigError: if a task or metric is unknown, or if without the suite's consent a task would run code that the model wrote or
            prompts would be cut.
    """
    check_tasks(suite)
    version = ANSWERS if campaign is None else answers_version(campaign, suite) or ANSWERS
    with guarded_templates(suite), named_templates(suite), answers_read_by(version):
        return _scores(suite, model_folder, split, Counter() if said is None else said)


def _scores(suite: Benchmarks, model_folder: Path, split: str, said: Counter[str]) -> dict[str, Score]:
    """As `scores`, for a suite that `check_tasks` has accepted."""
    import torch
    from lm_eval.evaluator import evaluate

    loaded, ranks = _load(suite, split), Ranks()
    shared = _share(list(loaded["tasks"].values()), suite.limit, ranks)
    if not shared and not ranks.first:
        return {}
    model = _model(suite, model_folder, ranks, shared)
    _look_at_prompts(suite, model, loaded["tasks"], ranks, said)
    torch.manual_seed(SEED)
    random.seed(SEED)
    with opened(suite.isolation == "required") if suite.runs_code else contextlib.nullcontext():
        results = evaluate(
            model,
            loaded,
            limit=suite.limit,
            apply_chat_template=suite.chat_template,
            fewshot_as_multiturn=suite.chat_template,
            bootstrap_iters=BOOTSTRAP,
            log_samples=False,
            confirm_run_unsafe_code=suite.runs_code,
        )
    return {task: _score(results, task, suite.metric_of(task)) for task in suite.tasks} if ranks.first else {}


def _load(suite: Benchmarks, split: str) -> dict[str, Any]:
    """The suite's tasks and groups as lm-eval loads them, with the numbers and the seed of their few-shot examples set."""
    from lm_eval.tasks import TaskManager

    manager = TaskManager(
        include_path=suite.include_path,
        include_defaults=task_files.needs_shipped(suite),
        metadata={"admire_split": split},
    )
    if suite.include_path is not None:
        check_same_files(suite, manager)
    loaded = manager.load(list(suite.tasks))
    for asked in suite.tasks:
        for name in _leaves(loaded, asked):
            task, said = loaded["tasks"][name], suite.few_shot_of(asked)
            own = task.get_config("num_fewshot")
            # A task that is a Python class says only now how many examples its author chose.
            check_shots(asked, [TaskFile(name, None, {"num_fewshot": own})], said)
            shots = (own or 0) if said is None else said
            _check_pool(task, name, shots)
            task.set_config("num_fewshot", shots)
            task.set_fewshot_seed(SEED)
    return loaded


def _check_pool(task: ConfigurableTask, name: str, shots: int) -> None:
    """Refuse more examples than there are items to draw from. If code makes a task's items, their number is known only now."""
    sampler = getattr(task, "sampler", None)
    if not shots or sampler is None:
        return
    items = len(sampler.fewshot_indices or sampler.df)
    own = task.fewshot_cfg.split is not None and task.fewshot_cfg.split == task.config.test_split
    if shots + own > items:
        raise ConfigError(
            f"tasks.{name}: {shots} examples are requested, and there are {items} to draw from; lower few_shot"
        )


def _model(suite: Benchmarks, folder: Path, ranks: Ranks, shared: bool) -> HFLM:
    """The model in lm-eval's wrapper, which is one of several if workers share the items.

    Args:
        shared: whether this worker scores only its part of the items.
    """
    import torch
    from lm_eval.models.huggingface import HFLM

    # lm-eval loads the model by itself and does not check that no tensor is missing.
    with contextlib.suppress(NotCheckedError):
        check_whole(folder, "train it again")
    gpus = torch.cuda.is_available()
    if not gpus and ranks.size > 1:
        os.environ["ACCELERATE_USE_CPU"] = "true"  # Without this, Accelerate takes each process for the only one.
    model = HFLM(
        pretrained=str(folder),
        device="cuda" if gpus else "cpu",
        batch_size=suite.batch_size,
        use_safetensors=True,
        trust_remote_code=False,
    )
    if suite.chat_template and not model.tokenizer.chat_template:
        raise ConfigError("chat_template: the model's tokenizer has no chat template; take this out of the suite")
    name_chat_template(model)
    # lm-eval finds its rank by itself only if it sees several GPUs.
    model._rank, model._world_size = (ranks.rank, ranks.size) if shared else (0, 1)
    return model


def _look_at_prompts(
    suite: Benchmarks, model: HFLM, tasks: dict[str, ConfigurableTask], ranks: Ranks, said: Counter[str]
) -> None:
    """Make lm-eval check and count the prompts once it has built all of them, before the model scores any."""

    def look() -> None:
        own = {name: cut_items(model, task) for name, task in tasks.items()}
        several = ranks.gather(own) if model._world_size > 1 else [own]
        cut = {name: (sum(one[name][0] for one in several), sum(one[name][1] for one in several)) for name in tasks}
        if not suite.cut_prompts:
            check_cut(cut, model.max_length)
        for name, task in tasks.items():
            said[f"items whose prompt was cut: {name}"] += cut[name][0]
            said[f"items that stand there repeatedly: {name}"] += repeated_items(
                itertools.islice(task.eval_docs, suite.limit)
            )

    last = list(tasks.values())[-1]
    last.build_all_requests = functools.partial(_build_then, last.build_all_requests, look)


def _build_then(build: Callable[..., None], then: Callable[[], None], **arguments: Any) -> None:
    build(**arguments)
    then()


def _share(tasks: list[ConfigurableTask], limit: int | None, ranks: Ranks) -> bool:
    """Make each task keep only this worker's items.

    Returns:
        False if there is one worker, or if a task has fewer items than there are workers; then the first worker scores alone.
    """
    if ranks.size == 1 or any(min(len(task.eval_docs), limit or ranks.size) < ranks.size for task in tasks):
        return False
    for task in tasks:
        task.build_all_requests = functools.partial(_build_own, task, task.build_all_requests)
    return True


def _build_own(
    task: ConfigurableTask, build: Callable[..., None], *, rank: int, world_size: int, **arguments: Any
) -> None:
    """Build all prompts of a task as a single process would, and keep those of this worker's items.

    lm-eval draws examples in one sequence over the items that a process builds, so each worker would otherwise draw other ones.
    """
    build(rank=0, world_size=1, **arguments)
    task._instances = [one for one in task.instances if one.doc_id % world_size == rank]


def _leaves(loaded: dict[str, Any], name: str) -> list[str]:
    """The tasks that a name stands for: itself, or the members of a group."""
    if name in loaded["tasks"]:
        return [name]
    return [leaf for child in loaded["group_map"][name] for leaf in _leaves(loaded, child)]


def _unknown_task(suite: Benchmarks, files: dict[str, Path], task: str) -> str:
    """The sentence for a name that is no task and no group: it is a tag, or there is a similar name."""
    everything = {**task_files.shipped_index(), **files}
    if tagged := task_files.tags(everything).get(task):
        return f"tasks.{task}: this is a tag, which has no score of its own; name its tasks: {', '.join(tagged)}"
    where = f" and {suite.include_path} has none" if suite.include_path else ""
    near = difflib.get_close_matches(task, files, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else "`lm-eval ls tasks` lists those it ships"
    return f"tasks.{task}: lm-eval ships no such task{where}; {hint}"


def _check_once(task: str, leaves: list[TaskFile], owners: dict[str, str]) -> None:
    """Refuse a task that two names of a suite stand for. `owners` maps each task to its first name and is filled here."""
    for leaf in leaves:
        other = owners.setdefault(leaf.name, task)
        if other != task:
            what = f"{leaf.name} is part of both" if leaf.name not in (task, other) else "one is part of the other"
            raise ConfigError(
                f"tasks.{task}: it overlaps with tasks.{other}, {what}, and lm-eval scores a task once; put one of them in a suite "
                "of its own"
            )


def _check_runs_no_code(task: str, leaves: list[TaskFile]) -> None:
    """Refuse a task, or a member of a group, with `unsafe_code`."""
    for leaf in leaves:
        if leaf.content.get("unsafe_code"):
            member = "" if leaf.name == task else f" (its member {leaf.name})"
            raise ConfigError(
                f"tasks.{task}: this task{member} runs code that the model wrote; say runs_code: true in its suite, and run the "
                "campaign where that can do no harm, or leave the task out"
            )


def _check_metric(content: dict[str, Any], leaves: list[TaskFile], task: str, metric: str) -> None:
    """Refuse a metric that the task's file does not list. If it lists none, code names the metrics, and `_score` checks them."""
    if "group" in content and not content.get("aggregate_metric_list"):
        names = ", ".join(leaf.name for leaf in leaves)
        raise ConfigError(f"tasks.{task}: this group has no score of its own; name its tasks: {names}")
    listed = content.get("aggregate_metric_list") or content.get("metric_list") or []
    known = [str(entry["metric"]) for entry in listed]
    computed = any("." in name for name in known)  # A name with a dot is a function, which itself names its results.
    if known and not computed and metric.split(",")[0] not in known:
        raise ConfigError(f"tasks.{task}: {_unknown_metric(metric, known)}")


def _score(results: dict[str, Any], task: str, metric: str) -> Score:
    """A task's value, standard error and number of items in lm-eval's results. A metric without a filter has the filter `none`."""
    found = results["results"][task]
    name, _, chosen = metric.partition(",")
    chosen = chosen or "none"
    if f"{name},{chosen}" not in found:
        known = [key for key in found if "," in key and "_stderr," not in key]
        raise ConfigError(f"tasks.{task}: {_unknown_metric(metric, known)}")
    stderr = found.get(f"{name}_stderr,{chosen}")
    counts = results["n-samples"].get(task)
    return Score(
        value=float(found[f"{name},{chosen}"]),
        stderr=float(stderr) if isinstance(stderr, int | float) else None,
        n=counts["effective"] if counts else None,
    )


def _unknown_metric(metric: str, known: list[str]) -> str:
    near = difflib.get_close_matches(metric, known, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(known)}"
    return f"it has no metric '{metric}'; {hint}"
