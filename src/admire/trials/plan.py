"""What a campaign will cost: trials, cost, jobs, wall time and disk, before anything is spent.

Every number follows from the YAML and the ledger; estimates say so.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from admire.campaign.config import Campaign, Model
from admire.campaign.layout import Layout
from admire.campaign.recipes import base_campaign
from admire.trials.ledger import Ledger
from admire.trials.progress import duration, measure

# spec, build_data, train and one evaluation a suite; a decision is two local jobs (propose, update)
JOBS_BEFORE_EVALUATION = 3


@dataclass(frozen=True)
class Line:
    """One model size in the plan.

    Attributes:
        done: trials proposed so far.
        affordable: the most further trials of this size that the open budget buys, alone.
    """

    model: Model
    done: int
    affordable: int


@dataclass(frozen=True)
class Plan:
    """The cost plan of a campaign."""

    campaign: Campaign
    lines: tuple[Line, ...]
    total: float
    spent: float
    committed: float
    reserved: float
    bases: dict[str, float]

    @property
    def open(self) -> float:
        """What the optimiser may still decide on."""
        return max(self.total - self.committed - self.reserved, 0.0)

    def trials(self) -> tuple[int, int]:
        """Fewest and most further trials: all at the target, or all at the cheapest size (after the initial design)."""
        dearest, cheapest = self.campaign.target.cost, self.campaign.models[0].cost
        initial = 0 if self.committed else min(self.campaign.optimizer.initial, int(self.open / cheapest))
        rest = self.open - initial * cheapest
        return initial + int(rest / dearest + 1e-9), initial + int(rest / cheapest + 1e-9)

    def jobs(self) -> tuple[int, int]:
        """Fewest and most jobs: those trials with their decisions, the final training and the report; sources not counted."""
        few, many = self.trials()
        return self._jobs(few), self._jobs(many)

    def _jobs(self, trials: int) -> int:
        each = JOBS_BEFORE_EVALUATION + len(self.campaign.evaluation)
        # the initial design is one decision
        initial = 0 if self.committed else min(self.campaign.optimizer.initial, trials)
        decisions = (initial > 0) + -(-(trials - initial) // self.campaign.budget.batch)
        finals = self.campaign.budget.final_replicates if self.reserved else 0
        return (trials + finals) * each + 2 * decisions + (2 if finals else 0)


def make_plan(campaign: Campaign) -> Plan:
    """The plan at this moment: on a fresh clone everything is ahead, later what is spent and committed is counted."""
    ledger = Ledger.read(campaign)
    progress = measure(campaign, ledger)
    left = max(campaign.budget.total - progress.committed - progress.reserved, 0.0)
    lines = tuple(
        Line(model, sum(trial.model == model.name for trial in ledger.trials), int(left / model.cost + 1e-9))
        for model in campaign.models
    )
    bases = {}
    for model in campaign.models:
        owner = base_campaign(model)
        if owner is not None and model.base is not None:
            bases[f"{owner.name}/{model.base.model} ({owner.budget.unit})"] = owner.model(model.base.model).cost
    return Plan(campaign, lines, campaign.budget.total, progress.spent, progress.committed, progress.reserved, bases)


def parameters(model: Model, vocabulary: int | None) -> int | None:
    """A dense transformer's parameters from its architecture's usual keys; None where they are not given."""
    a = model.architecture or {}
    try:
        hidden, layers = a["hidden_size"], a["num_hidden_layers"]
        heads = a["num_attention_heads"]
    except KeyError:
        return None
    inner = a.get("intermediate_size", 4 * hidden)
    kv = hidden * a.get("num_key_value_heads", heads) // heads
    embeddings = (a.get("vocab_size") or vocabulary or 0) * hidden * (1 if a.get("tie_word_embeddings") else 2)
    return embeddings + layers * (2 * hidden * hidden + 2 * hidden * kv + 3 * hidden * inner)


def render(plan: Plan, concurrency: int | None = None) -> str:
    """The plan as text for a terminal.

    Args:
        concurrency: trainings side by side; the campaign's lanes when left out.
    """
    campaign, unit = plan.campaign, plan.campaign.budget.unit
    side_by_side = concurrency or campaign.budget.lanes
    out = [f"Cost plan of campaign '{campaign.name}' ({unit}; nominal costs from the YAML)", ""]
    out.append(
        f"  {'size':<12}{'cost/trial':>12}{'decided':>10}{'affordable':>12}{'GPUs':>6}{'minutes':>9}{'mem GB':>8}"
    )
    for line in plan.lines:
        model = line.model
        label = model.name + (" *" if model.target else "")
        out.append(
            f"  {label:<12}{model.cost:>12.4g}{line.done:>10}{line.affordable:>12}"
            f"{model.resources.gpus:>6}{model.resources.minutes:>9}{model.resources.mem_gb:>8.4g}"
        )
    out += [
        "  (* target; affordable: if the whole open budget bought this size; minutes: the time limit of one training)",
        "",
    ]
    out.append(f"  budget     {plan.total:>10.4g}")
    out.append(f"  spent      {plan.spent:>10.4g}")
    out.append(f"  committed  {plan.committed:>10.4g}  (spent, and what is decided)")
    out.append(f"  reserved   {plan.reserved:>10.4g}  (final training of {campaign.target.name} on the recommendation)")
    out.append(f"  open       {plan.open:>10.4g}")
    for name, cost in plan.bases.items():
        out.append(f"  outside the budget: base model {name}: {cost:.4g}")
    (few, many), (few_jobs, many_jobs) = plan.trials(), plan.jobs()
    out += [
        "",
        f"  further trials {few} to {many} (after the initial design all at the target .. all at {campaign.models[0].name}); "
        f"jobs {few_jobs} to {many_jobs}, the final training's included",
    ]
    out.append(f"  wall time      {_wall_time(plan, side_by_side)}")
    out.append(f"  disk           {_disk(plan)}")
    if many:
        out.append(
            "  A dry run cannot list trials that are not decided yet; `snakemake --cores 1 next_proposal` decides the next"
        )
        out.append("  ones in seconds, then `snakemake -n next_iteration` lists them.")
    return "\n".join(out)


def _wall_time(plan: Plan, side_by_side: int) -> str:
    ahead = plan.open + plan.reserved + plan.committed - plan.spent
    unit = plan.campaign.budget.unit.lower()
    gpus = plan.campaign.target.resources.gpus
    per_unit = {
        "cpu-minutes": 60,
        "minutes": 60,
        "gpu-minutes": 60,
        "gpu-hours": 3600,
        "cpu-hours": 3600,
        "hours": 3600,
    }.get(unit)
    if per_unit is None:
        return f"not known: '{plan.campaign.budget.unit}' is no unit of time"
    workers = side_by_side * (max(gpus, 1) if unit.startswith("gpu") else 1)
    seconds = ahead * per_unit / workers
    return f"about {duration(seconds)} with {side_by_side} trainings side by side, waiting in queues not counted (estimate)"


def _disk(plan: Plan) -> str:
    """Most that the weights may take, at 4 bytes a parameter, kept until `admire prune`, and thrice that a running trial."""
    vocabulary = plan.campaign.tokenizer.vocabulary
    sizes = [parameters(model, vocabulary) for model in plan.campaign.models]
    if any(size is None for size in sizes):
        return "depends on the models' weights, which the YAML does not describe"
    target = sizes[plan.campaign.models.index(plan.campaign.target)] or 0
    finals = plan.campaign.budget.final_replicates
    # whatever size the open budget is spent on
    most = max(line.affordable * (size or 0) for line, size in zip(plan.lines, sizes, strict=True))
    need = 4 * (most + finals * target) + 12 * max(size or 0 for size in sizes) * plan.campaign.budget.lanes
    root = Layout(Path(plan.campaign.results)).root
    while not root.exists():
        root = root.parent if root != root.parent else Path()
    free = shutil.disk_usage(root).free
    return f"at most {need / 1e6:,.0f} MB for models and checkpoints (estimate); {free / 1e9:,.0f} GB free at {root}"
