"""The version of the rules by which a campaign extracts programs from answers; finished scores keep the version they used."""

from __future__ import annotations

import json
from pathlib import Path

from admire.campaign import task_files
from admire.campaign.layout import Layout
from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.evaluation import Benchmarks
from admire.campaign.task_files import Function

# Raise this when `admire.evaluate.programs` extracts another program from the same answer. Version 1 found only blocks that open
# with ``` followed by nothing, `python` or `py`, with plain line ends.
ANSWERS = 2
MODULE = "admire.evaluate.programs"


def answers_version(campaign: Campaign, suite: Benchmarks) -> int | None:
    """The version of the rules for a suite's answers; None if ADMIRE extracts programs for none of its tasks.

    Campaigns whose lock names no version began before there were versions, and continue with the first.
    """
    if not _takes_programs(suite):
        return None
    files = Layout(Path(campaign.results)).campaign(campaign.name)
    frozen = json.loads(files.lock.read_text(encoding="utf-8")) if files.lock.is_file() else {"answers": ANSWERS}
    return int(frozen.get("answers", 1 if files.proposals() else ANSWERS))


def _takes_programs(suite: Benchmarks) -> bool:
    if suite.include_path is None:  # The task files of lm-eval name no function of ADMIRE.
        return False
    files = task_files.places(suite)
    named = [
        leaf.content.get("process_results")
        for task in suite.tasks
        for leaf in (task_files.leaves(files, task) if task in files else ())
    ]
    return any(isinstance(one, Function) and one.startswith(f"{MODULE}.") for one in named)
