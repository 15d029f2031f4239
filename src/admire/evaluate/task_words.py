"""Refuses names in a task's file that lm-eval does not know, or that a list has twice, before anything is trained.

lm-eval finds most of them when it loads a task, but some (an aggregation, a filter's settings) only after all answers are there.
Names that the file's own code may register are not checked.
"""

from __future__ import annotations

import dataclasses
import difflib
import typing
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from admire.campaign import task_files
from admire.campaign.schema.evaluation import Benchmarks
from admire.campaign.task_files import Function, TaskFile
from admire.errors import ConfigError
from admire.evaluate.task_code import OURS

PLACED = {"class", "include", "group", "tag", "task_list"}  # lm-eval removes these keys before it makes a task.


def check_words(suite: Benchmarks) -> None:
    """Refuse tasks and groups of a folder with unknown keys, metrics, aggregations or filters, or with one of them listed twice.

    Raises:
        ConfigError: names the task, its file, the name and the most similar known one.
    """
    if suite.include_path is None:
        return
    files = task_files.places(suite)
    for task in suite.tasks:
        if not _ships(files[task]):
            _check_aggregates(task_files.read(files[task]), f"tasks.{task}: {files[task]}")
        for leaf in task_files.leaves(files, task):
            if leaf.path is not None and _ships(leaf.path):
                continue
            place = f"tasks.{task}: {leaf.path or f'its member {leaf.name}'}"
            if "class" not in leaf.content:
                _check_leaf(leaf, place, suite.trusts_code)


def metric_name(entry: dict[str, Any]) -> str:
    """The name of a metric in lm-eval's results; if the metric is a function, the function's name without its module."""
    named = entry["metric"]
    return named.rpartition(".")[2] if isinstance(named, Function) else str(named)


def _ships(path: Path) -> bool:
    return path.resolve().is_relative_to(task_files.shipped().resolve())


def _check_leaf(leaf: TaskFile, place: str, trusting: bool) -> None:
    """Check the file of a task that is not a Python class."""
    from lm_eval.api.instance import OutputType
    from lm_eval.config.task import TaskConfig

    content = leaf.content
    keys = {field.name for field in dataclasses.fields(TaskConfig)}
    _check_known("key", [key for key in content if key not in PLACED], keys, place)
    _check_known("output_type", [content.get("output_type", "generate_until")], typing.get_args(OutputType), place)
    _check_once("metric_list", [metric_name(entry) for entry in content.get("metric_list") or []], place)
    filters = content.get("filter_list")
    _check_once(
        "filter_list", [str(one["name"]) for one in filters or []] if not isinstance(filters, str) else [], place
    )
    if not _has_code(content):
        _check_metrics(content, place, trusting)
        _check_filters(filters, place)


def _check_metrics(content: dict[str, Any], place: str, trusting: bool) -> None:
    """Refuse unknown metrics and aggregations.

    lm-eval loads a metric that it does not know from the library `evaluate`, whose code comes from the hub, so this needs trust.
    """
    from lm_eval.api import metrics as _fills_the_registries  # noqa: F401
    from lm_eval.api.registry import AGGREGATION_REGISTRY, METRIC_AGGREGATION_REGISTRY, METRIC_REGISTRY

    for entry in content.get("metric_list") or []:
        name = metric_name(entry)
        if not (trusting or "process_results" in content or entry.get("hf_evaluate")):
            known = "; one of the library `evaluate` is code, which wants trusts_code: true in the suite"
            _check_known("metric", [name], METRIC_REGISTRY, place, known)
        if "aggregation" in entry:
            if not isinstance(entry["aggregation"], Function):
                _check_known("aggregation", [entry["aggregation"]], AGGREGATION_REGISTRY, place)
        elif name not in METRIC_AGGREGATION_REGISTRY:
            raise ConfigError(f"{place}: its metric {name} says no aggregation, and lm-eval has none for it; add one")


def _check_filters(listed: Any, place: str) -> None:
    """Refuse unknown filters, and settings with which a filter cannot be made; lm-eval makes filters after all answers only."""
    from lm_eval import filters as _fills_the_registry  # noqa: F401
    from lm_eval.api.registry import FILTER_REGISTRY

    for entry in listed if isinstance(listed, list) else []:
        steps = entry.get("filter")
        if not isinstance(steps, list) or not all(isinstance(step, dict) and "function" in step for step in steps):
            raise ConfigError(
                f"{place}: filter_list: {entry['name']} has no list of steps {{function: ...}} under `filter`; add it"
            )
        for step in steps:
            _check_known("filter", [step["function"]], FILTER_REGISTRY, place)
            settings = {key: value for key, value in step.items() if key != "function"}
            make: Callable[..., Any] = FILTER_REGISTRY.get(step["function"])
            try:
                make(**settings)
            except Exception as error:  # A filter may fail in any way on settings that it does not expect.
                reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
                raise ConfigError(
                    f"{place}: filter_list: the filter {step['function']} of {entry['name']} cannot be made ({reason}); correct it"
                ) from None


def _check_aggregates(content: dict[str, Any], place: str) -> None:
    """Refuse unknown keys and aggregations, and repeated metrics, in a group's `aggregate_metric_list`."""
    from lm_eval.config.group import AggMetricConfig

    listed = content.get("aggregate_metric_list") or [] if "group" in content else []
    entries = listed if isinstance(listed, list) else [listed]
    keys = {field.name for field in dataclasses.fields(AggMetricConfig)}
    named: list[str] = []
    for entry in entries:
        _check_known("key", list(entry), keys, f"{place}: aggregate_metric_list")
        if not isinstance(entry.get("aggregation", "mean"), Function):
            _check_known("aggregation", [entry.get("aggregation", "mean")], ["mean"], place)
        chosen = entry.get("filter_list")
        for one in chosen if isinstance(chosen, list) else [chosen]:
            named.append(f"{metric_name(entry)},{one}" if one else metric_name(entry))
    _check_once("aggregate_metric_list", named, place)


def _check_once(key: str, names: list[str], place: str) -> None:
    """Refuse a name that a list has twice, because lm-eval would silently take the last entry."""
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise ConfigError(f"{place}: its {key} has {twice} twice, and lm-eval takes the last; take one out")


def _check_known(kind: str, words: list[Any], known: Iterable[str], place: str, more: str = "") -> None:
    names = list(known)
    for word in words:
        if word not in names:
            near = difflib.get_close_matches(str(word), names, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(sorted(names))}"
            raise ConfigError(f"{place}: lm-eval has no {kind} '{word}'; {hint}{more}")


def _has_code(value: Any) -> bool:
    """Whether a value of a task's file contains a function that is not ADMIRE's own."""
    if isinstance(value, Function):
        return value.rpartition(".")[0] not in OURS
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_has_code(part) for part in parts)
