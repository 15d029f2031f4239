"""What a process is to train, and what one attempt at it is given."""

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
    """A trial that is to be trained, and how.

    Attributes:
        checkpoint_minutes: time between two checkpoints.
        attempt: which attempt this is, from 1.
        resources: how many processes train, and how they use their machines.
        validation: which held-out rows are scored meanwhile, and when; None: none.
    """

    trial: TrialLayout
    checkpoint_minutes: float = 10
    attempt: int = 1
    resources: Resources = field(default_factory=Resources)
    validation: ValidationPlan | None = None

    def arguments(self) -> list[str]:
        """The same on the command line of a process of several."""
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
    """What one attempt at a trial is given, in each of its processes.

    Attributes:
        start: where it begins.
        lease: which the first process holds.
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
