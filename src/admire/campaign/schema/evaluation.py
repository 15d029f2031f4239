"""The section `evaluation`: the two kinds of suites."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from admire.campaign.paths import FilePath
from admire.campaign.schema.base import Strict


class DomainLoss(Strict):
    """Held-out loss of each source in bits per byte; metrics `<suite>/<source>`, lower is better."""

    kind: Literal["domain-loss"]
    """Which evaluation this is."""
    sources: list[str] | None = None
    """Which sources; all of them when left out."""
    batch_size: PositiveInt = 32
    """Rows scored at once."""


class Task(Strict):
    """One task of a suite, where its metric's name does not say enough."""

    metric: str
    """Its metric, with lm-eval's filter after a comma."""
    few_shot: Annotated[int, Field(ge=0)] | None = None
    """Examples shown in the prompt, instead of the suite's `few_shot`."""


class Benchmarks(Strict):
    """Tasks of the lm-evaluation-harness; metrics `<suite>/<task>`."""

    kind: Literal["lm-eval"]
    """Which evaluation this is."""
    tasks: dict[str, str | Task]
    """Task name -> its metric, e.g. `{gsm8k: "exact_match,strict-match"}`, or a mapping."""
    include_path: FilePath | None = None
    """A folder of task files of your own."""
    few_shot: Annotated[int, Field(ge=0)] | None = None
    """Examples shown in the prompt, instead of what the tasks' files say (`num_fewshot`; 0 where they say nothing)."""
    runs_code: bool = False
    """Consent to run, on the machine that scores, programs that the model wrote; tasks that do so are refused without it."""
    trusts_code: bool = False
    """Consent to the code in the folder of task files (`!function`, `class`) and to templates that may reach everything; read it
    first. Without it such files are refused, and templates are rendered in a sandbox."""
    reads: list[FilePath] = []
    """Files and folders outside `include_path` that its tasks may read as their data, which their prompts then hold; others are
    refused."""
    isolation: Literal["available", "required"] = "available"
    """How such programs are kept from files and the network: by bubblewrap where it is installed (`available`), or not run at
    all without it (`required`). The record says what was used."""
    batch_size: PositiveInt = 32
    """Fixed, because it changes scores."""
    limit: PositiveInt | None = None
    """Score only the first so many items of a task."""
    chat_template: bool = False
    """Wrap the prompts in the tokenizer's chat template."""
    cut_prompts: bool = False
    """Consent to prompts that are longer than the model reads: lm-eval cuts them on the left, and they are counted; refused
    without it."""

    def metric_of(self, task: str) -> str:
        """The metric that a task of this suite is scored by."""
        found = self.tasks[task]
        return found if isinstance(found, str) else found.metric

    def few_shot_of(self, task: str) -> int | None:
        """Examples shown in the prompts of a task of this suite; None where its file decides."""
        found = self.tasks[task]
        own = None if isinstance(found, str) else found.few_shot
        return self.few_shot if own is None else own


Suite = Annotated[DomainLoss | Benchmarks, Field(discriminator="kind")]
