"""Which way a metric is better: a held-out loss when it is lower, a task's metric as its file or lm-eval says.

An objective that says the other is a sign that was forgotten, unless the YAML says that it is meant.
"""

from __future__ import annotations

from typing import Any

from admire.campaign import task_files
from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.evaluation import Benchmarks
from admire.campaign.task_files import Function, TaskFile
from admire.errors import ConfigError
from admire.evaluate.task_words import metric_name


def higher_is_better(campaign: Campaign, metric: str) -> bool | None:
    """Whether a metric of the campaign is better when it is higher; None where neither the task's file nor lm-eval says it, or
    the members of a group disagree.

    Args:
        metric: `<suite>/<metric>`.
    """
    name, _, task = metric.partition("/")
    suite = campaign.evaluation[name]
    if not isinstance(suite, Benchmarks):
        return False
    said = {_said(leaf, suite.metric_of(task)) for leaf in task_files.leaves(task_files.places(suite), task)}
    return said.pop() if len(said) == 1 else None


def check_directions(campaign: Campaign) -> None:
    """Refuse an objective that maximises what is better when lower, or the other way round, and a task file that contradicts
    lm-eval about a metric of lm-eval's own, unless `directions` says what is meant.

    Raises:
        ConfigError: names the metric, its weight and both ways out.
    """
    for metric, weight in campaign.objective.items():
        if not weight or metric in campaign.directions:
            continue
        verb = "maximise" if weight > 0 else "minimise"
        _check_contradictions(campaign, metric, verb)
        better = higher_is_better(campaign, metric)
        if better is not None and better != (weight > 0):
            raise ConfigError(
                f"objective.{metric}: weight {weight:g} {verb}s it, and its task says higher_is_better: {str(better).lower()}; "
                f"write {-weight:g}, or say directions: {{{metric}: {verb}}} if that is meant"
            )


def _check_contradictions(campaign: Campaign, metric: str, verb: str) -> None:
    """What lm-eval computes goes the way that lm-eval knows; a task that computes its metric itself knows better."""
    name, _, task = metric.partition("/")
    suite = campaign.evaluation[name]
    if not isinstance(suite, Benchmarks):
        return
    for leaf in task_files.leaves(task_files.places(suite), task):
        entry = _entry(leaf, suite.metric_of(task))
        if entry is None or "process_results" in leaf.content or isinstance(entry["metric"], Function):
            continue
        own, known = entry.get("higher_is_better"), _registered(metric_name(entry))
        if own is not None and known is not None and own != known:
            raise ConfigError(
                f"objective.{metric}: {leaf.path or leaf.name} says higher_is_better: {str(own).lower()} of {metric_name(entry)}, "
                f"and lm-eval, which computes it, {str(known).lower()}; correct the task file, or say directions: "
                f"{{{metric}: {verb}}} if that is meant"
            )


def direction_notes(campaign: Campaign) -> list[str]:
    """What a plan says: metrics of which nobody knows which way is better, and those that are meant the other way round."""
    notes = []
    for metric, weight in campaign.objective.items():
        if weight:
            verb, better = "maximised" if weight > 0 else "minimised", higher_is_better(campaign, metric)
            if better is None and metric not in campaign.directions:
                notes.append(f"objective.{metric}: {verb}; its task does not say which way is better")
            elif better is not None and better != (weight > 0):
                notes.append(f"objective.{metric}: {verb}, against its own direction, as `directions` says")
    return notes


def _said(leaf: TaskFile, metric: str) -> bool | None:
    """A task's word about a metric (without its filter), or else lm-eval's, also where the file leaves it empty."""
    entry = _entry(leaf, metric)
    if entry is None:
        return None
    own = entry.get("higher_is_better")
    return own if own is not None else _registered(metric_name(entry))


def _entry(leaf: TaskFile, metric: str) -> dict[str, Any] | None:
    """What a task says of a metric (without its filter): of several entries the last, as lm-eval takes it."""
    from lm_eval.api import metrics as _fills_the_registry  # noqa: F401
    from lm_eval.api.registry import DEFAULT_METRIC_REGISTRY

    name, listed = metric.split(",")[0], leaf.content.get("metric_list")
    if listed is None:
        defaults = DEFAULT_METRIC_REGISTRY.get(leaf.content.get("output_type", "generate_until"), [])
        listed = [{"metric": default} for default in defaults] if "class" not in leaf.content else []
    return next((entry for entry in reversed(listed) if metric_name(entry) == name), None)


def _registered(name: str) -> bool | None:
    """lm-eval's own word about a metric; None where it has none."""
    from lm_eval.api import metrics as _fills_the_registry  # noqa: F401
    from lm_eval.api.registry import HIGHER_IS_BETTER_REGISTRY

    return HIGHER_IS_BETTER_REGISTRY.get(name) if name in HIGHER_IS_BETTER_REGISTRY else None
