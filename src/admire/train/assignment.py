"""The arguments of a training (`Order`), and those of one attempt at it (`Given`)."""

from __future__ import annotations

from dataclasses import dataclass, field

from admire.campaign.layout import TrialLayout
from admire.campaign.schema.resources import Resources
from admire.campaign.validation_plan import ValidationPlan
from admire.distributed.ranks import Ranks
from admire.space.steps import Steps
from admire.train.checkpoints import Start
from admire.trials.identity import Spec
from admire.trials.lease import Lease


@dataclass(frozen=True)
class Order:
    """A trial to be trained, with the settings that do not change its result.

    Attributes:
        checkpoint_minutes: minutes between two checkpoints.
        attempt: the number of this attempt, from 1.
        resources: how many processes train, and how they use their machines.
        validation: which held-out rows are scored during the training, and when; None if none are.
    """

    trial: TrialLayout
    checkpoint_minutes: float = 10
    attempt: int = 1
    resources: Resources = field(default_factory=Resources)
    validation: ValidationPlan | None = None

    def arguments(self) -> list[str]:
        """The order as arguments of `admire train`, for each process of a training of several."""
        words = [
            str(self.trial.folder),
            f"--share={self.trial.share}",
            f"--checkpoint-minutes={self.checkpoint_minutes}",
            f"--attempt={self.attempt}",
            f"--resources={self.resources.model_dump_json(exclude_defaults=True)}",
        ]
        return words + ([f"--validation={self.validation.model_dump_json()}"] if self.validation else [])


@dataclass(frozen=True)
class Given:
    """The arguments of one attempt at a trial, the same in each of its processes but for `ranks`.

    Attributes:
        start: the checkpoint and step from which the attempt begins.
        lease: the trial's lease, which only the first process holds.
    """

    order: Order
    spec: Spec
    steps: Steps
    start: Start
    lease: Lease
    ranks: Ranks

    @property
    def trial(self) -> TrialLayout:
        """The trial's files."""
        return self.order.trial
