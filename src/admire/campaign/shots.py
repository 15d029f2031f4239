"""The number of examples in a suite's prompts: the number in the YAML, or else the number in each task's file."""

from __future__ import annotations

from admire.campaign import task_files
from admire.campaign.schema.evaluation import Benchmarks
from admire.errors import ConfigError


def shots_by_files(suite: Benchmarks) -> dict[str, int]:
    """Task -> the number of examples in its file, for tasks for which the YAML has no number and the file has one above 0."""
    left = [task for task in suite.tasks if suite.few_shot_of(task) is None]
    files = task_files.places(suite) if left else {}
    leaves = [leaf for task in left if task in files for leaf in task_files.leaves(files, task)]
    return {leaf.name: leaf.few_shot for leaf in leaves if leaf.few_shot}


def check_shots(task: str, leaves: list[task_files.TaskFile], asked: int | None) -> None:
    """Refuse a number in the YAML for a task whose file says 0: for lm-eval a 0 is no default but part of the task.

    Args:
        asked: the number in the YAML; None if there is none.

    Raises:
        ConfigError: names the task and, if it is a group, the member.
    """
    for leaf in leaves:
        if asked and leaf.content.get("num_fewshot") == 0:
            member = "" if leaf.name == task else f" of its member {leaf.name}"
            raise ConfigError(
                f"tasks.{task}: few_shot: the YAML says {asked}, but the file{member} fixes num_fewshot at 0; give the task "
                "`few_shot: 0`, or score a copy of the file without that line (include_path)"
            )


def overrides(task: str, leaves: list[task_files.TaskFile], asked: int | None) -> list[str]:
    """One phrase per task whose number of examples comes from its file, or for which the YAML overrides the number in the file."""
    if asked is None:
        return [f"{leaf.name}: {leaf.few_shot} shots, as its file says" for leaf in leaves if leaf.few_shot]
    others = {leaf.content.get("num_fewshot") for leaf in leaves if leaf.few_shot not in (None, asked)}
    said = " and ".join(sorted("nothing (0)" if other is None else str(other) for other in others))
    return [f"{task}: {asked} shots, its file says {said}"] if others else []
