"""Which way a metric is better: a held-out loss when it is lower, a task's metric as its file or lm-eval says.

An objective that says the other is a sign that was forgotten, unless the YAML says that it is meant.
"""

from __future__ import annotations

from admire.campaign import task_files
from admire.campaign.config import Benchmarks, Campaign
from admire.campaign.task_files import TaskFile
from admire.errors import ConfigError


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
    """Refuse an objective that maximises what is better when lower, or the other way round, unless `directions` says so.

    Raises:
        ConfigError: names the metric, its weight and both ways out.
    """
    for metric, weight in campaign.objective.items():
        better = higher_is_better(campaign, metric) if weight else None
        if better is not None and better != (weight > 0) and metric not in campaign.directions:
            verb = "maximise" if weight > 0 else "minimise"
            raise ConfigError(
                f"objective.{metric}: weight {weight:g} {verb}s it, and its task says higher_is_better: {str(better).lower()}; "
                f"write {-weight:g}, or say directions: {{{metric}: {verb}}} if that is meant"
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
    """A task's word about a metric (without its filter), or else lm-eval's."""
    from lm_eval.api import metrics as _fills_the_registry  # noqa: F401
    from lm_eval.api.registry import DEFAULT_METRIC_REGISTRY, HIGHER_IS_BETTER_REGISTRY

    name, listed = metric.split(",")[0], leaf.content.get("metric_list")
    if listed is None:
        defaults = DEFAULT_METRIC_REGISTRY.get(leaf.content.get("output_type", "generate_until"), [])
        listed = [{"metric": default} for default in defaults] if "class" not in leaf.content else []
    for entry in listed:
        if str(entry["metric"]).rpartition(".")[2] == name:
            if "higher_is_better" in entry:
                return bool(entry["higher_is_better"])
            return HIGHER_IS_BETTER_REGISTRY.get(name) if name in HIGHER_IS_BETTER_REGISTRY else None
    return None
