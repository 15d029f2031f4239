"""The section `evaluation`: the two kinds of suites."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from admire.campaign.schema.base import Strict
from admire.campaign.schema.path_types import FilePath


class DomainLoss(Strict):
    """Held-out loss of each source in bits per byte. The metrics are called `<suite>/<source>`; lower is better."""

    kind: Literal["domain-loss"]
    """The kind of suite."""
    sources: list[str] | None = None
    """The sources that are scored. If left out, all of them are."""
    batch_size: PositiveInt = 32
    """Number of rows that are scored at once."""


class Task(Strict):
    """One task of a suite, written as a mapping because it needs more keys than the name of its metric."""

    metric: str
    """The task's metric, followed by a comma and lm-eval's filter."""
    few_shot: Annotated[int, Field(ge=0)] | None = None
    """Number of examples in the prompt, instead of the suite's `few_shot`."""


class Benchmarks(Strict):
    """Tasks of the lm-evaluation-harness. The metrics are called `<suite>/<task>`."""

    kind: Literal["lm-eval"]
    """The kind of suite."""
    tasks: dict[str, str | Task]
    """Task name -> its metric, e.g. `{gsm8k: "exact_match,strict-match"}`, or a mapping with further keys."""
    include_path: FilePath | None = None
    """A folder with task files of your own."""
    few_shot: Annotated[int, Field(ge=0)] | None = None
    """Number of examples in the prompt. If left out, each task's file decides (`num_fewshot`; 0 if that is missing too)."""
    runs_code: bool = False
    """Allows programs that the model wrote to be run on the machine that scores. Tasks that run such programs are refused
    without it."""
    trusts_code: bool = False
    """Allows the code in the folder of task files (`!function`, `class`) to run, and templates to be rendered without a sandbox;
    read both first. Without it files with code are refused, and templates are rendered in a sandbox."""
    reads: list[FilePath] = []
    """Files and folders outside `include_path` that the suite's tasks may read as their data; their content can then appear in
    prompts. Tasks that read anything else are refused."""
    isolation: Literal["available", "required"] = "available"
    """How programs that the model wrote are kept from files and the network: with `available` by bubblewrap if it is installed,
    with `required` they are not run without it. The record names the isolation that was used."""
    batch_size: PositiveInt = 32
    """Number of items that are scored at once. It is fixed because it changes scores."""
    limit: PositiveInt | None = None
    """Score only the first items of each task, at most this many."""
    chat_template: bool = False
    """Wrap the prompts in the tokenizer's chat template."""
    cut_prompts: bool = False
    """Allows prompts that are longer than the model's context: lm-eval cuts off their beginning, and such prompts are counted.
    Without it they are refused."""

    def metric_of(self, task: str) -> str:
        """The metric by which a task of this suite is scored."""
        found = self.tasks[task]
        return found if isinstance(found, str) else found.metric

    def few_shot_of(self, task: str) -> int | None:
        """The number of examples in the prompts of a task of this suite; None if the task's file decides."""
        found = self.tasks[task]
        own = None if isinstance(found, str) else found.few_shot
        return self.few_shot if own is None else own


Suite = Annotated[DomainLoss | Benchmarks, Field(discriminator="kind")]
