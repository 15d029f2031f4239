"""Which direction of a metric is better: lower for held-out losses; for a task's metric, its file or lm-eval says it.

An objective with the opposite direction is mostly a forgotten sign, so it is refused unless `directions` in the YAML confirms it.
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
    """Whether higher values of a metric are better.

    Args:
        metric: `<suite>/<metric>`.

    Returns:
        None if neither the task's file nor lm-eval says it, or if the members of a group disagree.
    """
    name, _, task = metric.partition("/")
    suite = campaign.evaluation[name]
    if not isinstance(suite, Benchmarks):
        return False
    said = {_said(leaf, suite.metric_of(task)) for leaf in task_files.leaves(task_files.places(suite), task)}
    return said.pop() if len(said) == 1 else None


def check_directions(campaign: Campaign) -> None:
    """Refuse an objective that rewards the worse direction of a metric, unless `directions` in the YAML confirms it.

    A task file that contradicts lm-eval about one of lm-eval's own metrics is refused in the same way.

    Raises:
        ConfigError: names the metric, its weight and both fixes.
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
    """Refuse task files that contradict lm-eval about a metric, unless the task computes the metric with code of its own."""
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
    """Notes for a plan: one line per metric of the objective whose direction is unknown, or reversed by `directions`."""
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
    """Whether higher is better according to the task's file or, if it does not say, lm-eval; None if neither says.

    Args:
        metric: its filter is ignored.
    """
    entry = _entry(leaf, metric)
    if entry is None:
        return None
    own = entry.get("higher_is_better")
    return own if own is not None else _registered(metric_name(entry))


def _entry(leaf: TaskFile, metric: str) -> dict[str, Any] | None:
    """A task's entry for a metric, whose filter is ignored; of several entries the last, as lm-eval takes it."""
    from lm_eval.api import metrics as _fills_the_registry  # noqa: F401
    from lm_eval.api.registry import DEFAULT_METRIC_REGISTRY

    name, listed = metric.split(",")[0], leaf.content.get("metric_list")
    if listed is None:
        defaults = DEFAULT_METRIC_REGISTRY.get(leaf.content.get("output_type", "generate_until"), [])
        listed = [{"metric": default} for default in defaults] if "class" not in leaf.content else []
    return next((entry for entry in reversed(listed) if metric_name(entry) == name), None)


def _registered(name: str) -> bool | None:
    """Whether higher is better according to lm-eval; None if lm-eval does not say."""
    from lm_eval.api import metrics as _fills_the_registry  # noqa: F401
    from lm_eval.api.registry import HIGHER_IS_BETTER_REGISTRY

    return HIGHER_IS_BETTER_REGISTRY.get(name) if name in HIGHER_IS_BETTER_REGISTRY else None
