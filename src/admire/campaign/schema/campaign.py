"""The whole schema of a campaign, and the numbers that are derived from it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from admire.campaign.schema import consistency
from admire.campaign.schema.base import LONGEST_NAME, Name, Strict, no_refrain
from admire.campaign.schema.budget import Budget
from admire.campaign.schema.comparison import Comparison
from admire.campaign.schema.evaluation import DomainLoss, Suite
from admire.campaign.schema.models import Model
from admire.campaign.schema.optimizer import Optimizer
from admire.campaign.schema.path_types import ResultsPath
from admire.campaign.schema.sources import HeldOut, Mixture, Source, Tokenizer
from admire.campaign.schema.training import StepFidelity, Training, Validation
from admire.space import money


class Campaign(Strict):
    """A campaign: one question (which mixture is best for the target?), one budget, one YAML."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=LONGEST_NAME), AfterValidator(no_refrain)]
    """Names the folder `results/campaigns/<name>`."""
    results: ResultsPath = "results"
    """The folder into which everything is written; on a cluster it must lie on a file system that all nodes share."""
    sources: dict[Name, Source]
    """The data sources that are mixed, two or more."""
    tokenizer: Tokenizer = Tokenizer()
    """The tokenizer. If left out, that of the base model is used (`models[].path` or `models[].base`)."""
    held_out: HeldOut = HeldOut()
    """The documents that are never trained on, so that models can be scored on them."""
    mixture: Mixture
    """The size of a mixture, its limits, and the baseline mixture."""
    models: list[Model]
    """The model sizes, cheapest first, one of them the target."""
    training: Training
    """How a trial is trained."""
    validation: Validation | None = None
    """Held-out losses that are measured while trials are trained. If left out, none are."""
    fidelity: StepFidelity = StepFidelity()
    """The steps at which a trial may stop early. Short trainings are cheaper fidelities, as smaller models are."""
    evaluation: dict[Name, Suite]
    """Evaluation suites by name. A suite that is added later is evaluated on the existing models; nothing is trained again."""
    objective: dict[str, float]
    """Metric (`<suite>/<metric>`) -> signed weight: positive if higher is better, negative if lower is better. The objective is
    the weighted sum divided by the sum of absolute weights; it is maximised."""
    directions: dict[str, Literal["maximise", "minimise"]] = Field(default_factory=dict)
    """Metric -> direction, to confirm an unusual sign: a loss that is maximised, or a metric whose task file says the opposite."""
    optimizer: Optimizer = Optimizer()
    """How the next trial is chosen."""
    budget: Budget
    """How much may be spent, and how many trials are decided at once."""
    benchmark: Comparison = Comparison()
    """The mixtures and methods that the recommendation is compared with."""

    @model_validator(mode="after")
    def _consistent(self) -> Campaign:
        consistency.check(self)
        if self.budget.total is not None:
            return self
        return self.model_copy(update={"budget": self.budget.model_copy(update={"total": self.total})})

    @property
    def total(self) -> float:
        """The cost that the campaign may spend in all: `budget.total`, or else the cost of the design and the final trainings."""
        stated = self.budget.total
        return money.total([self.design_cost, self.reserve]) if stated is None else stated

    @property
    def design_counts(self) -> tuple[int, ...]:
        """The number of design mixtures per model, in the order of `models`; empty without a design."""
        design = self.optimizer.design
        return tuple(design.trials.get(model.name, 0) for model in self.models) if design else ()

    @property
    def design_cost(self) -> float:
        """The nominal cost of all trials of the design; 0 without a design."""
        return money.total(
            money.times(n, model.cost) for n, model in zip(self.design_counts, self.models, strict=False)
        )

    @property
    def reserve(self) -> float:
        """The nominal cost of the target's final trainings, which is reserved from the start."""
        return money.times(self.budget.final_replicates, self.target.cost)

    @property
    def target(self) -> Model:
        """The model that the recommendation is for."""
        return next(model for model in self.models if model.target)

    @property
    def metrics(self) -> tuple[str, ...]:
        """All metrics that the suites measure, as `<suite>/<metric>`."""
        found = []
        for name, suite in self.evaluation.items():
            parts = (suite.sources or list(self.sources)) if isinstance(suite, DomainLoss) else list(suite.tasks)
            found += [f"{name}/{part}" for part in parts]
        return tuple(found)

    @property
    def deciding_suites(self) -> tuple[str, ...]:
        """The suites whose metrics have a weight in the objective. Decisions wait for these suites only."""
        needed = {metric.split("/")[0] for metric, weight in self.objective.items() if weight}
        return tuple(name for name in self.evaluation if name in needed)

    def model(self, name: str) -> Model:
        """The model called `name`; KeyError when there is none."""
        for model in self.models:
            if model.name == name:
                return model
        raise KeyError(name)

    def rows(self, model: Model) -> int:
        """The number of rows that a trial of this model size draws."""
        return model.rows or self.mixture.rows

    def training_of(self, model: Model) -> Training:
        """The training settings of a trial of this model size: `training` with the model's overrides."""
        return self.training.model_copy(update=model.training.model_dump(exclude_none=True))

    def rival(self, method: str) -> Campaign:
        """The same campaign under another method and the name `<name>-<method>`, for the benchmark."""
        options = dict.fromkeys(self.optimizer.options)  # The options belong to this campaign's own method.
        optimizer = self.optimizer.model_copy(update={"method": method, "design": None, **options})
        return self.model_copy(update={"name": f"{self.name}-{method}", "optimizer": optimizer})
