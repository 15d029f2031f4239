"""Notes of a plan on the suites: where the YAML changes how task files score, and metrics of unknown or unusual direction."""

from __future__ import annotations

from collections.abc import Iterator

from admire.campaign import task_files
from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.evaluation import Benchmarks
from admire.campaign.shots import overrides
from admire.evaluate.directions import direction_notes
from admire.evaluate.task_checks import shows_its_own_items
from admire.evaluate.task_code import code_in
from admire.evaluate.task_data import read_elsewhere


def scoring_notes(campaign: Campaign) -> list[str]:
    """One line per suite with notes, and one per metric whose direction is unknown or unusual."""
    notes = []
    for name, suite in campaign.evaluation.items():
        if isinstance(suite, Benchmarks) and (said := list(_notes(suite))):
            notes.append(f"evaluation.{name}: {'; '.join(said)}")
    return notes + direction_notes(campaign)


def _notes(suite: Benchmarks) -> Iterator[str]:
    files = task_files.places(suite)
    for task in suite.tasks:
        leaves, asked = task_files.leaves(files, task), suite.few_shot_of(task)
        yield from overrides(task, leaves, asked)
        shown = [leaf.name for leaf in leaves if (leaf.few_shot if asked is None else asked)]
        if leaky := [leaf.name for leaf in leaves if leaf.name in shown and shows_its_own_items(leaf)]:
            yield f"{', '.join(leaky)}: an item may be among the examples in its own prompt (its file names no fewshot_split)"
    if suite.trusts_code and (code := code_in(suite)):
        named = dict.fromkeys(str(path) for path, _ in code)
        yield f"the code that {', '.join(named)} name runs when tasks are checked and scored (trusts_code)"
    if places := read_elsewhere(suite):
        more = f" and {len(places) - 5} more" if len(places) > 5 else ""
        yield f"its tasks read {', '.join(places[:5])}{more} outside {suite.include_path} as their data"
    if suite.cut_prompts:
        yield "prompts that are longer than the model reads are cut on the left (cut_prompts)"
    if suite.limit is not None:
        yield f"only the first {suite.limit} items of each task are scored (limit)"
