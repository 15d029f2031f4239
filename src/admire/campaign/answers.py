"""By which version a campaign takes programs out of answers: finished scores keep the one that they were made with."""

from __future__ import annotations

import json
from pathlib import Path

from admire.campaign import task_files
from admire.campaign.layout import Layout
from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.evaluation import Benchmarks
from admire.campaign.task_files import Function

# Raise when `admire.evaluate.programs` takes another program out of the same answer. 1 found blocks that open with ``` and nothing,
# `python` or `py` behind it, with plain line ends.
ANSWERS = 2
MODULE = "admire.evaluate.programs"


def answers_version(campaign: Campaign, suite: Benchmarks) -> int | None:
    """The version by which a suite's answers are read; None where none of its tasks has ADMIRE take programs out of them.

    Campaigns that began before there were versions, as their lock says, go on with the first.
    """
    if not _takes_programs(suite):
        return None
    files = Layout(Path(campaign.results)).campaign(campaign.name)
    frozen = json.loads(files.lock.read_text(encoding="utf-8")) if files.lock.is_file() else {"answers": ANSWERS}
    return int(frozen.get("answers", 1 if files.proposals() else ANSWERS))


def _takes_programs(suite: Benchmarks) -> bool:
    if suite.include_path is None:  # what lm-eval ships names no function of ADMIRE
        return False
    files = task_files.places(suite)
    named = [
        leaf.content.get("process_results")
        for task in suite.tasks
        for leaf in (task_files.leaves(files, task) if task in files else ())
    ]
    return any(isinstance(one, Function) and one.startswith(f"{MODULE}.") for one in named)
