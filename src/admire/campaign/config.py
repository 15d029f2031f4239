"""The campaign's YAML: its schema, documented key by key, and nothing beyond its shape.

`config/README.md` is generated from the descriptions here. What the shape cannot tell (caps, files, methods, tasks) is
checked by `admire.preflight`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from admire.campaign.paths import FilePath, ResultsPath
from admire.campaign.reading import read
from admire.campaign.typed import typed
from admire.errors import ConfigError
from admire.space import money
from admire.space.steps import SCHEDULE, Steps

LONGEST_NAME = 100  # a file system takes 255 bytes, and names stand beside digests and each other in files' names


def _no_refrain(name: str) -> str:
    """Snakemake takes a name with a piece that stands 20 times in a row for a loop of its rules."""
    if re.search(r"(.+)\1{19}", name):
        raise ValueError("a part of this name stands 20 times in a row; choose another")
    return name


Name = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=LONGEST_NAME), AfterValidator(_no_refrain)
]
Share = Annotated[float, Field(gt=0, lt=1)]


class Strict(BaseModel):
    """Unknown keys are refused, values are finite, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


Kind = TypeVar("Kind", bound=Strict)


class Source(Strict):
    """Where one data source comes from: exactly one of `corpus`, `files` or `dataset`."""

    corpus: str | None = None
    """A corpus that ADMIRE makes from what every Python installation carries, or from a seed: see `admire.data.corpora`."""
    files: list[FilePath] | FilePath | None = None
    """Glob patterns of local `.jsonl` (also `.ndjson`, `.json`), `.parquet` or `.txt` files (a text file is one document); text may
    be compressed (`.gz`, `.bz2`, `.xz`, `.zst`). A path that is there is taken as it is written."""
    dataset: FilePath | None = None
    """A Hugging Face dataset: its name on the hub (cached before, see the README) or a local folder in the same layout, of which
    only what lies in it is read."""
    subset: str | None = None
    """The dataset's configuration name."""
    split: str = "train"
    """The dataset's split to take."""
    where: dict[str, str] = Field(default_factory=dict)
    """Keep only the rows whose columns have these values, e.g. `{source: ai2-adapt-dev/flan_v2_converted}`; a dot looks into a
    column of mappings, e.g. `{meta.pile_set_name: ArXiv}`. What is no text is compared as JSON spells it: `"true"`, `"1.5"`,
    `"null"`; dates as `"2024-01-31"`."""
    column: str = "text"
    """The column that holds the text, or, for fine-tuning, the conversation: a list of `{role, content}` or of `{from, value}`, a
    mapping with `messages` or `conversations` inside, or either as JSON text; tools stand in a column `tools`
    beside it, or inside."""
    revision: str | None = None
    """Of a dataset on the hub: its commit, or a branch or tag; another one in the cache is refused, and the commit that was read
    is in the source's card. Of anything else a label of your own: changing it says that new content is meant."""
    max_documents: PositiveInt | None = None
    """Take at most this many documents."""
    left_out_at_most: Annotated[float, Field(ge=0, le=1)] = 0.01
    """The fraction of documents that may be left out, each counted with its reason in the source's card (blank, no turn of an
    assistant, its answer behind the cut, ...); with more the source is refused. Up to ten are left out whatever fraction of a small
    source they are, unless this is 0. It may change at any time."""
    ignore_keys: list[str] = Field(default_factory=list)
    """Fine-tuning: keys of turns that may be left out, e.g. `[id, timestamp]`; any other key that no chat template is known to take
    is refused."""
    bad_rows: Literal["refuse", "skip"] = "skip"
    """A row that cannot be used (no JSON, nothing in the column, an unknown key) is left out, counted and named, within what
    `left_out_at_most` allows (`skip`), or stops the source (`refuse`). It may change at any time."""

    @property
    def deciding(self) -> dict[str, Any]:
        """What decides the source's rows, where it is not the default."""
        return self.model_dump(exclude_defaults=True, exclude={"left_out_at_most", "bad_rows"})

    @model_validator(mode="after")
    def _one_origin(self) -> Source:
        if sum(origin is not None for origin in (self.corpus, self.files, self.dataset)) != 1:
            raise ValueError("give exactly one of corpus, files or dataset")
        return self


class Tokenizer(Strict):
    """The tokenizer all sources are prepared with: `path`, `vocabulary`, or neither for the base model's own."""

    path: FilePath | None = None
    """A Hugging Face tokenizer: a local folder or a name on the hub."""
    vocabulary: PositiveInt | None = None
    """Train a byte-level BPE tokenizer with this many entries on the campaign's own sources."""
    documents_per_source: PositiveInt = 2000
    """At most so many documents of each source train the tokenizer."""
    chat_template: FilePath | None = None
    """A Jinja file with the chat template for fine-tuning, instead of the tokenizer's own."""

    @model_validator(mode="after")
    def _one_origin(self) -> Tokenizer:
        if self.path is not None and self.vocabulary is not None:
            raise ValueError("give path or vocabulary, not both")
        return self


class HeldOut(Strict):
    """Documents kept from training, a source's share each. No document is in two splits."""

    validation: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of documents that campaigns are scored on; 0 where no suite scores the sources."""
    test: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of documents that only the benchmark is scored on; 0 as above."""
    max_rows: PositiveInt = 64
    """At most so many rows of a source are scored in each split."""


class Mixture(Strict):
    """What a mixture is made of."""

    rows: PositiveInt
    """Rows a trial draws in all: windows of `training.sequence_length` tokens, or conversations in fine-tuning."""
    max_epochs: PositiveFloat = 1.0
    """How often a row of a source may be drawn at most: a source's cap is `rows of the source * max_epochs / mixture.rows`."""
    prior: Literal["natural", "uniform"] | dict[str, float] = "natural"
    """The mixture to beat: `natural` (by size), `uniform`, or a weight a source; they are scaled to sum 1, one left out gets 0."""


class Training(Strict):
    """How a trial is trained. Every key decides the outcome and enters the trial's identity."""

    kind: Literal["pretrain", "sft"] = "pretrain"
    """Pre-training from random weights (Hugging Face `Trainer`) or supervised fine-tuning (TRL `SFTTrainer`)."""
    sequence_length: PositiveInt
    """Tokens in a window (pre-training), or the length a conversation is cut to (fine-tuning)."""
    batch_size: PositiveInt
    """Rows in one optimiser step, over all processes."""
    learning_rate: PositiveFloat
    """The peak learning rate."""
    schedule: Literal["cosine", "linear", "constant_with_warmup", "warmup_stable_decay"] = "cosine"
    """How the learning rate changes."""
    warmup_share: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of the steps in which the learning rate rises."""
    weight_decay: NonNegativeFloat = 0.1
    """AdamW's weight decay."""
    adam_beta2: Share = 0.95
    """AdamW's second beta."""
    max_grad_norm: PositiveFloat = 1.0
    """Gradients are clipped to this norm."""
    epochs: PositiveInt = 1
    """Passes over the mixture."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Precision of the computation."""
    loss_on: Literal["all", "assistant"] = "assistant"
    """Fine-tuning: which tokens count in the loss."""
    diverged_above: PositiveFloat = 20.0
    """A training whose loss (nats a token) is above this after the warm-up is recorded as failed."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of weights, data subsets and order; a replicate r uses `seed + r`."""


class TrainingOverride(Strict):
    """Keys of `training` that one model does otherwise."""

    batch_size: PositiveInt | None = None
    """Instead of `training.batch_size`."""
    learning_rate: PositiveFloat | None = None
    """Instead of `training.learning_rate`."""
    epochs: PositiveInt | None = None
    """Instead of `training.epochs`."""
    schedule: Literal["cosine", "linear", "constant_with_warmup", "warmup_stable_decay"] | None = None
    """Instead of `training.schedule`."""
    warmup_share: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Instead of `training.warmup_share`."""


class Validation(Strict):
    """Held-out loss of each source while a trial is trained, into the trial's `validation.csv`. It changes no weight, enters no
    trial's identity and steers nothing; it may change at any time."""

    times: PositiveInt = 10
    """How often in a training, at equal distances; the last time at its end."""
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of each source's validation rows that is scored, the same rows each time."""
    batch_size: PositiveInt = 8
    """Rows that a process scores at once."""


class Stops(Strict):
    """Where a trial may stop early, and what it then costs. Going on later costs the difference: the steps not taken yet, and those
    in which the shorter training let its learning rate fall."""

    steps: list[Annotated[float, Field(ge=0.01, le=1)]] = Field(default_factory=lambda: [1.0])
    """Shares of the training steps, ascending, the last one 1; shares below 1 need `training.schedule: warmup_stable_decay`."""

    fixed: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The part of a model's cost that does not shrink with the steps: process starts, and the scoring."""

    @model_validator(mode="after")
    def _ascending(self) -> Stops:
        if not self.steps or self.steps != sorted(set(self.steps)) or self.steps[-1] != 1:
            raise ValueError(f"steps: list each share once, ascending, the last one 1.0, got {self.steps}")
        return self


class Base(Strict):
    """A base model that the workflow itself pre-trains: one model of another campaign, trained on that campaign's prior."""

    campaign: FilePath
    """The other campaign's YAML."""
    model: Name
    """The model's name there."""


class Resources(Strict):
    """What any machine must give one training, and how the training uses it. Partition, account and GPU type belong in the
    profile. Nothing here decides an outcome beyond rounding, but `threads` on CPU; each may change at any time."""

    gpus: Annotated[int, Field(ge=0)] = 0
    """GPUs on each node; a training has one process a GPU."""
    nodes: PositiveInt = 1
    """Nodes that train together."""
    processes: PositiveInt = 1
    """Without GPUs: processes on each node that share the batches."""
    evaluation_processes: PositiveInt = 1
    """Processes, on one node and with a GPU each where there are GPUs, that share the items of an evaluation."""
    threads: PositiveInt = 1
    """CPU threads of each process; on CPU they enter the trial's identity, because sums depend on them."""
    minutes: PositiveInt = 60
    """Time limit."""
    mem_gb: PositiveFloat = 4
    """Main memory of each node."""
    rows_per_device: PositiveInt | None = None
    """Rows that one process computes at once; `training.batch_size` is gathered over processes and over several such
    passes. Left out: a process's whole share of a batch."""
    sharding: Literal["none", "full"] = "none"
    """`full` spreads weights, gradients and optimiser state over the GPUs (FSDP2), for models that one does not hold; `none`
    keeps a copy on each."""
    activation_checkpointing: bool = False
    """Compute activations twice instead of keeping them: less memory, about a third more time."""
    attention: Literal["sdpa", "flash_attention_2"] = "sdpa"
    """The attention's implementation: PyTorch's own, or the `flash-attn` package where it is installed."""
    padding_free: bool = False
    """Fine-tuning: lay the conversations of a pass end to end instead of padding them to the longest; wants
    `flash_attention_2`, correct but slow without."""
    liger: bool = False
    """Fused kernels of the `liger-kernel` package, where it is installed: layers, and in pre-training the loss (in
    fine-tuning TRL's fused loss is always used)."""

    @model_validator(mode="after")
    def _one_kind_of_process(self) -> Resources:
        if self.gpus and self.processes > 1:
            raise ValueError(
                "processes are for training on CPU; with gpus there is one process a GPU: remove processes"
            )
        if self.gpus and self.evaluation_processes > self.gpus:
            raise ValueError(
                f"evaluation_processes: {self.evaluation_processes} processes need a GPU each, and gpus says {self.gpus}; lower it"
            )
        return self

    @property
    def workers(self) -> int:
        """Processes on each node."""
        return self.gpus or self.processes

    @property
    def world(self) -> int:
        """Processes of one training, on all nodes."""
        return self.nodes * self.workers

    @property
    def of_evaluation(self) -> Resources:
        """What an evaluation in a job of its own needs of these: one node, a process and a GPU where it uses one."""
        gpus = min(self.gpus, self.evaluation_processes)
        processes = 1 if gpus else self.evaluation_processes
        return self.model_copy(update={"gpus": gpus, "processes": processes, "nodes": 1})


class Model(Strict):
    """One model size: exactly one of `architecture`, `path` or `base`."""

    name: Name
    """Its label in tables and paths."""
    cost: PositiveFloat
    """Nominal cost of one trial in `budget.unit`; budget, reservation and acquisition use this number."""
    target: bool = False
    """Exactly one model is the target: the recommendation is for it."""
    rows: PositiveInt | None = None
    """Rows of a trial at this size, instead of `mixture.rows`."""
    architecture: dict[str, Any] | None = None
    """A transformers configuration to start from random weights: `model_type` and its fields."""
    path: FilePath | None = None
    """Weights to start from: a local folder or a name on the hub."""
    base: Base | None = None
    """Weights to start from that the workflow pre-trains itself."""
    training: TrainingOverride = TrainingOverride()
    """What this size does otherwise."""
    resources: Resources = Resources()
    """What a machine must give."""

    @model_validator(mode="after")
    def _one_origin(self) -> Model:
        if sum(origin is not None for origin in (self.architecture, self.path, self.base)) != 1:
            raise ValueError("give exactly one of architecture, path or base")
        if self.architecture is not None and "model_type" not in self.architecture:
            raise ValueError("architecture needs a model_type, e.g. llama")
        return self


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


class Design(Strict):
    """Method `design`: random mixtures around the prior, decided at once; a larger size trains the first of a smaller one's."""

    trials: dict[Name, PositiveInt]
    """Model -> how many mixtures it trains; a model that is left out trains none."""
    concentration: PositiveFloat | None = None
    """The Dirichlet's parameters are this number times the prior: the larger, the nearer to the prior; left out: the number of
    sources."""


class Optimizer(Strict):
    """How the next trial is chosen."""

    method: str = "admire"
    """A name that `admire methods` lists."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the decisions; it does not enter any training."""
    initial: PositiveInt = 16
    """Trials of the initial design, one batch."""
    kernel: str | None = None
    """Method `admire`: the covariance over mixtures, `matern` (default), `rbf`, `linear` or `spectral`."""
    fidelity_kernel: str | None = None
    """Method `admire`: that over sizes, `autoregressive` (default), `downsampling`, `linear-truncated` or `independent`."""
    acquisition: str | None = None
    """Method `admire`: `log-ei` (default), `ucb`, `thompson`, `mes-per-cost` or `kg-per-cost`."""
    design: Design | None = None
    """Method `design`: the whole of it."""
    stop_below: NonNegativeFloat = 0.0
    """Stop when the expected gain of the objective at the target, per unit of cost, is below this; 0 never stops early."""

    @property
    def options(self) -> dict[str, str]:
        """The method's options that are set."""
        wanted = {name: getattr(self, name) for name in ("kernel", "fidelity_kernel", "acquisition")}
        return {name: value for name, value in wanted.items() if value is not None}


class Budget(Strict):
    """What the campaign may spend, in the unit of the models' costs."""

    total: PositiveFloat | None = None
    """All trials together, the target's final training included; left out with method `design`: what the design costs."""
    unit: str = "GPU-hours"
    """The unit's name in tables and plans."""
    lanes: PositiveInt = 1
    """Sequences of decisions that run side by side."""
    batch: PositiveInt = 1
    """Trials of one decision."""
    final_replicates: Annotated[int, Field(ge=0)] = 1
    """Trainings of the target on the recommended mixture, reserved from the start; 0 where only the trials are wanted."""


class Comparison(Strict):
    """What `snakemake benchmark` compares the recommendation with, at the target, on the test split."""

    replicates: PositiveInt = 3
    """Fresh trainings of each mixture, with seeds that no campaign saw."""
    mixtures: list[Literal["uniform", "natural", "prior"]] = Field(default_factory=lambda: ["uniform", "natural"])
    """Fixed mixtures."""
    methods: list[str] = Field(default_factory=lambda: ["random"])
    """Other methods, each given the same budget in a campaign of its own, `<name>-<method>`."""


class Campaign(Strict):
    """A campaign: one question (which mixture is best for the target?), one budget, one YAML."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=LONGEST_NAME), AfterValidator(_no_refrain)]
    """Names the folder `results/campaigns/<name>`."""
    results: ResultsPath = "results"
    """Where everything is written; on a cluster, on a file system that all nodes share."""
    sources: dict[Name, Source]
    """The data sources, two or more."""
    tokenizer: Tokenizer = Tokenizer()
    """The tokenizer; left out: the base model's (`models[].path` or `models[].base`)."""
    held_out: HeldOut = HeldOut()
    """What is kept from training."""
    mixture: Mixture
    """What a mixture is made of."""
    models: list[Model]
    """The model sizes, cheapest first, one of them the target."""
    training: Training
    """How a trial is trained."""
    validation: Validation | None = None
    """Held-out losses while trials are trained; left out: none."""
    fidelity: Stops = Stops()
    """Where a trial may stop early: cheaper fidelities than whole trainings, beside the smaller models."""
    evaluation: dict[Name, Suite]
    """Evaluation suites by name; a suite added later is evaluated without training anything again."""
    objective: dict[str, float]
    """Metric (`<suite>/<metric>`) -> signed weight: positive, higher is better; negative, lower is better. The objective is
    the weighted sum divided by the sum of absolute weights; it is maximised."""
    directions: dict[str, Literal["maximise", "minimise"]] = Field(default_factory=dict)
    """Consent to an unusual sign, metric by metric: a loss that is maximised, or a metric against what its task says."""
    optimizer: Optimizer = Optimizer()
    """How the next trial is chosen."""
    budget: Budget
    """What may be spent."""
    benchmark: Comparison = Comparison()
    """What the recommendation is compared with."""

    @model_validator(mode="after")
    def _consistent(self) -> Campaign:
        if len(self.sources) < 2:
            raise ValueError("sources: a mixture needs at least two sources")
        names = [model.name for model in self.models]
        if len(set(names)) < len(names):
            raise ValueError("models: two models have the same name")
        targets = [model.name for model in self.models if model.target]
        if len(targets) != 1:
            found = f"{' and '.join(targets)} say so" if targets else "none says so"
            raise ValueError(f"models: exactly one model must say 'target: true', {found}")
        costs = [model.cost for model in self.models]
        if costs != sorted(costs):
            raise ValueError(f"models: list them cheapest first, their costs are {costs}")
        if isinstance(self.mixture.prior, dict):
            unknown = sorted(set(self.mixture.prior) - set(self.sources))
            if unknown:
                raise ValueError(
                    f"mixture.prior: unknown source {', '.join(unknown)}; the sources are {', '.join(self.sources)}"
                )
            for name, weight in self.mixture.prior.items():
                if weight < 0:
                    raise ValueError(f"mixture.prior.{name}: the weight {weight:g} is below zero; give it 0 or more")
            if sum(self.mixture.prior.values()) <= 0:
                raise ValueError("mixture.prior: the weights sum to 0; give at least one source a positive weight")
        if not any(self.objective.values()):
            raise ValueError("objective: give at least one metric a weight other than 0")
        known = self.metrics
        for metric in self.objective:
            if metric not in known:
                raise ValueError(f"objective.{metric}: no suite measures it; the metrics are {', '.join(known)}")
        for suite_name, suite in self.evaluation.items():
            for source in (suite.sources or []) if isinstance(suite, DomainLoss) else []:
                if source not in self.sources:
                    raise ValueError(f"evaluation.{suite_name}.sources: unknown source {source}")
            if isinstance(suite, DomainLoss) and not self.held_out.validation:
                raise ValueError(f"held_out.validation: 0 leaves nothing for evaluation.{suite_name} to score")
        if self.validation is not None and not self.held_out.validation:
            raise ValueError("held_out.validation: 0 leaves nothing for validation to score")
        origins = {("architecture" if m.architecture else "path" if m.path else "base") for m in self.models}
        if self.training.kind == "pretrain" and origins != {"architecture"}:
            raise ValueError("training.kind: pretrain starts every model from an architecture, not from weights")
        if self.training.kind == "sft" and "architecture" in origins:
            raise ValueError("training.kind: sft needs weights to start from: give each model a path or a base")
        if self.tokenizer.path is None and self.tokenizer.vocabulary is None and "architecture" in origins:
            raise ValueError("tokenizer: models from random weights need one; give path or vocabulary")
        return self

    @model_validator(mode="after")
    def _directions_are_meant(self) -> Campaign:
        verbs = {
            metric: "maximise" if weight > 0 else "minimise" for metric, weight in self.objective.items() if weight
        }
        for metric, meant in self.directions.items():
            if metric not in verbs:
                raise ValueError(f"directions.{metric}: the objective gives it no weight; it has {', '.join(verbs)}")
            if meant != verbs[metric]:
                weight = self.objective[metric]
                raise ValueError(
                    f"directions.{metric}: {meant} contradicts objective.{metric}, whose weight {weight:g} {verbs[metric]}s it; "
                    f"write {-weight:g} there, or {verbs[metric]} here"
                )
        for metric, verb in verbs.items():
            suite = self.evaluation[metric.partition("/")[0]]
            if isinstance(suite, DomainLoss) and verb == "maximise" and metric not in self.directions:
                weight = self.objective[metric]
                raise ValueError(
                    f"objective.{metric}: weight {weight:g} maximises a loss, which is better when lower; write {-weight:g}, or "
                    f"say directions: {{{metric}: maximise}} if that is meant"
                )
        return self

    @model_validator(mode="after")
    def _stops_are_trainings(self) -> Campaign:
        for model in self.models if len(self.fidelity.steps) > 1 else ():
            training = self.training_of(model)
            if training.schedule != SCHEDULE:
                key = f"models.{model.name}.training.schedule" if model.training.schedule else "training.schedule"
                raise ValueError(
                    f"fidelity.steps: a trial may stop early only with {key}: {SCHEDULE}, not {training.schedule}"
                )
            stops = [
                Steps.of(self.rows(model), training.batch_size, training.epochs, share) for share in self.fidelity.steps
            ]
            trunks = [stop.trunk for stop in stops]
            if trunks[0] < max(training.warmup_share * stops[0].whole, 1):
                raise ValueError(
                    f"fidelity.steps: {self.fidelity.steps[0]:g} of the {stops[0].whole} steps of {model.name} ends within the "
                    "warm-up; raise the first share, or lower training.warmup_share"
                )
            if trunks != sorted(set(trunks)):
                raise ValueError(
                    f"fidelity.steps: {model.name} has only {stops[0].whole} steps, too few for these shares; list fewer"
                )
        return self

    @model_validator(mode="after")
    def _design_and_budget(self) -> Campaign:
        design = self.optimizer.design
        if (design is None) == (self.optimizer.method == "design"):
            raise ValueError("optimizer.design: method design needs it, and no other method has it")
        counts = self.design_counts
        for name in design.trials if design else ():
            if name not in {model.name for model in self.models}:
                raise ValueError(f"optimizer.design.trials: unknown model {name}")
        if list(counts) != sorted(counts, reverse=True):
            raise ValueError(
                "optimizer.design.trials: a larger size trains the first of a smaller one's mixtures, no more of them"
            )
        if self.budget.total is not None:
            return self
        if design is None:
            raise ValueError("budget.total: this key is missing; only a design knows what it costs")
        whole = money.total([self.design_cost, self.reserve])
        return self.model_copy(update={"budget": self.budget.model_copy(update={"total": whole})})

    @property
    def design_counts(self) -> tuple[int, ...]:
        """How many mixtures of the design each model trains; no numbers where no design was asked for."""
        design = self.optimizer.design
        return tuple(design.trials.get(model.name, 0) for model in self.models) if design else ()

    @property
    def design_cost(self) -> float:
        """What the design's trials cost in all; 0 where no design was asked for."""
        return money.total(
            money.times(n, model.cost) for n, model in zip(self.design_counts, self.models, strict=False)
        )

    @property
    def reserve(self) -> float:
        """What the target's final trainings cost; it is kept from the start."""
        return money.times(self.budget.final_replicates, self.target.cost)

    @property
    def target(self) -> Model:
        """The model that the recommendation is for."""
        return next(model for model in self.models if model.target)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Every metric that the suites measure, as `<suite>/<metric>`."""
        found = []
        for name, suite in self.evaluation.items():
            parts = (suite.sources or list(self.sources)) if isinstance(suite, DomainLoss) else list(suite.tasks)
            found += [f"{name}/{part}" for part in parts]
        return tuple(found)

    @property
    def deciding_suites(self) -> tuple[str, ...]:
        """The suites that the objective needs; decisions wait for these only."""
        needed = {metric.split("/")[0] for metric, weight in self.objective.items() if weight}
        return tuple(name for name in self.evaluation if name in needed)

    def model(self, name: str) -> Model:
        """The model called `name`; KeyError when there is none."""
        for model in self.models:
            if model.name == name:
                return model
        raise KeyError(name)

    def rows(self, model: Model) -> int:
        """Rows of a trial at this size."""
        return model.rows or self.mixture.rows

    def training_of(self, model: Model) -> Training:
        """The training of a trial at this size: `training` with the model's overrides."""
        return self.training.model_copy(update=model.training.model_dump(exclude_none=True))

    def rival(self, method: str) -> Campaign:
        """The same campaign decided by another method, under a name of its own (for the benchmark)."""
        options = dict.fromkeys(self.optimizer.options)  # those are for this campaign's method
        optimizer = self.optimizer.model_copy(update={"method": method, "design": None, **options})
        return self.model_copy(update={"name": f"{self.name}-{method}", "optimizer": optimizer})


def parse(raw: dict[str, Any], origin: str) -> Campaign:
    """Validate a campaign that was read from `origin` (a file name, for the message).

    Raises:
        ConfigError: names the file, the key and what is expected.
    """
    try:
        return Campaign.model_validate(_without_nulls(typed(raw, Campaign), ()))
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from None
    except ValidationError as error:
        # of the errors of a union's members, the deepest belongs to the member that was meant, and that of a wrong type to
        # none; a key that is missing may be there misspelt
        def meant(one: ErrorDetails) -> tuple[int, bool, bool]:
            return len(one["loc"]), one["type"] == "extra_forbidden", not one["type"].endswith("_type")

        deepest = max(error.errors(), key=meant)
        raise ConfigError(f"{origin}: {_sentence(deepest)}") from None


def _without_nulls(value: Any, place: tuple[str, ...]) -> Any:
    """Mappings without the keys whose value is null: a later file takes a suite or a source out by `name: null`.

    Not within an architecture, where null is a value, nor within a source's `where`, where it could be meant as one.
    """
    if isinstance(value, list):
        return [_without_nulls(part, (*place, str(i))) for i, part in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if place[:1] == ("sources",) and place[2:] == ("where",):
        for key, part in value.items():
            if part is None:
                raise ConfigError(
                    f'{".".join(place)}.{key}: null is no text; write "null" in quotes to keep rows without a value'
                )
    kept = {key: part for key, part in value.items() if part is not None}
    return {key: part if key == "architecture" else _without_nulls(part, (*place, key)) for key, part in kept.items()}


def parse_argument(kind: type[Kind], text: str, origin: str) -> Kind:
    """Validate a part of a campaign that was given as JSON on the command line.

    Raises:
        ConfigError: names the origin, the key and what is expected.
    """
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(
            f"{origin}: {place}: {first['msg']}, got {first['input']!r}; config/README.md lists the keys"
        ) from None


def _sentence(error: ErrorDetails) -> str:
    """One pydantic error as a sentence: where, what, and the nearest known key for a misspelt one."""
    steps = [part for part in error["loc"] if part not in ("domain-loss", "lm-eval", "Task") and "[" not in str(part)]
    place = ".".join(map(str, steps))
    message = str(error["msg"]).removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if error["type"] == "extra_forbidden":
        import difflib

        known = _keys_at(error["loc"][:-1])
        near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"known keys are {', '.join(sorted(known))}"
        return f"{place}: unknown key; {hint}"
    if error["type"] == "missing":
        return f"{place}: this key is missing; config/README.md says what it means"
    if error["type"] == "string_too_long":
        shown = place if len(place) < LONGEST_NAME else f"{place[:60]}..."
        return f"{shown}: a name has at most {LONGEST_NAME} letters; shorten it"
    if error["type"] == "string_pattern_mismatch":
        letters = "lower-case letters, digits and -" if place == "name" else "letters, digits, _ . and -"
        return f"{place}: {error.get('input')!r} is no name; use {letters}, a letter or digit first"
    given = "" if error["type"] == "value_error" else f", got {error.get('input')!r}"
    return f"{place}: {message}{given}" if place else f"{message}{given}"


def _keys_at(location: tuple[str | int, ...]) -> list[str]:
    """The keys that the schema knows at a place of the YAML, by walking the annotations."""
    import typing

    def models(annotation: Any) -> list[type[Strict]]:
        if isinstance(annotation, type) and issubclass(annotation, Strict):
            return [annotation]
        return [found for part in typing.get_args(annotation) for found in models(part)]

    here: list[type[Strict]] = [Campaign]
    for part in location:
        fields = [model.model_fields[part] for model in here if part in model.model_fields]
        here = [found for field in fields for found in models(field.annotation)] if fields else here
    return [key for model in here for key in model.model_fields]


def load(*paths: str | Path) -> Campaign:
    """Read and validate a campaign from one or more YAML files."""
    raw, origin = read(list(paths))
    return parse(raw, origin)
