"""The whole of a campaign, and the numbers that follow from it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from admire.campaign.paths import ResultsPath
from admire.campaign.schema import consistency
from admire.campaign.schema.base import LONGEST_NAME, Name, Strict, no_refrain
from admire.campaign.schema.deciding import Budget, Comparison, Optimizer
from admire.campaign.schema.evaluation import DomainLoss, Suite
from admire.campaign.schema.models import Model
from admire.campaign.schema.sources import HeldOut, Mixture, Source, Tokenizer
from admire.campaign.schema.training import Stops, Training, Validation
from admire.space import money


class Campaign(Strict):
    """A campaign: one question (which mixture is best for the target?), one budget, one YAML."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=LONGEST_NAME), AfterValidator(no_refrain)]
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
        consistency.check(self)
        if self.budget.total is not None:
            return self
        return self.model_copy(update={"budget": self.budget.model_copy(update={"total": self.total})})

    @property
    def total(self) -> float:
        """What the campaign may spend in all: `budget.total`, or what the design and the final trainings cost."""
        stated = self.budget.total
        return money.total([self.design_cost, self.reserve]) if stated is None else stated

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
