"""Contents of tasks that are not part of a suite's digest: task files that lm-eval ships, and data from the hub.

Both may change under the same names, through another version of lm_eval or a download for another campaign. They are frozen in the
campaign's lock when a suite is first seen, and compared at each start.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from admire.campaign import task_files
from admire.campaign.json_hash import digest_files
from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.evaluation import Benchmarks
from admire.campaign.task_contents import READERS
from admire.campaign.task_files import TaskFile
from admire.data.hub_cache import commits
from admire.errors import ConfigError
from admire.preflight.hub import on_hub


def with_tasks(campaign: Campaign, frozen: dict[str, Any]) -> dict[str, Any]:
    """The content of a campaign's lock, with the present contents of those tasks that it does not hold yet."""
    found = _contents(campaign)
    if found.keys() <= frozen.get("tasks", {}).keys():
        return frozen
    return frozen | {"lm_eval": frozen.get("lm_eval", version("lm_eval")), "tasks": found | frozen.get("tasks", {})}


def check_frozen_tasks(campaign: Campaign, frozen: dict[str, Any], origin: str) -> None:
    """Refuse tasks whose contents have changed since their suite was first seen.

    Args:
        frozen: the content of the campaign's lock.

    Raises:
        ConfigError: names the tasks, each with the old and the new digest or commit.
    """
    before = frozen.get("tasks", {})
    found = _contents(campaign) if before else {}
    changed = [
        f"{key} (was {before[key][:16]}, is {now[:16]})"
        for key, now in sorted(found.items())
        if before.get(key, now) != now
    ]
    if changed:
        raise ConfigError(
            f"{origin}: campaign '{campaign.name}' began with other tasks under the same names: {'; '.join(changed)}; install "
            f"lm_eval {frozen['lm_eval']} again or remove the newer commit from the cache of datasets, or give the suite another "
            "name, under which all trials are scored again"
        )


def _contents(campaign: Campaign) -> dict[str, str]:
    """Key of the YAML and kind of content -> digest of lm-eval's files, or the commit that `datasets` uses offline."""
    found: dict[str, str] = {}
    for name, suite in campaign.evaluation.items():
        places = task_files.places(suite) if isinstance(suite, Benchmarks) else {}
        for asked in suite.tasks if isinstance(suite, Benchmarks) else ():
            for leaf in task_files.leaves(places, asked):
                key = f"evaluation.{name}.tasks.{leaf.name}"
                if shipped := _shipped_files(leaf):
                    found[f"{key}, as lm-eval ships it"] = digest_files(shipped, task_files.shipped())
                dataset = str(leaf.content.get("dataset_path") or "")
                here = []
                if dataset and dataset not in READERS and on_hub(dataset):
                    here = commits(dataset, leaf.content.get("dataset_name"))
                if here:
                    found[f"{key}, dataset {dataset}"] = here[-1]
    return found


def _shipped_files(task: TaskFile) -> list[Path]:
    """The task's YAML files and code that come with lm-eval, in order of their paths."""
    files = task_files.with_includes(task.path) if task.path else []
    files += [code for path in files for code in task_files.code_beside(path)]
    return sorted({path for path in files if path.is_file() and path.is_relative_to(task_files.shipped())})
