"""What a campaign will cost: trials, cost, jobs, wall time and disk, before anything is spent.

Every number follows from the YAML and the ledger; estimates say so.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from admire.campaign.fidelity import Fidelity, fidelities, kept, label
from admire.campaign.layout import Layout
from admire.campaign.recipes import base_campaign, source_digest, tokenizer_digest, tokenizer_owner
from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.models import Model
from admire.campaign.site import Site
from admire.loop.budget import Budget
from admire.loop.progress import duration, measure
from admire.space import money
from admire.trials.costs import measured_cost, seconds_of_unit
from admire.trials.ledger import Ledger, Trial
from admire.trials.storage import size

# spec, build_data, train and one evaluation a suite; a decision is two local jobs (propose, update)
JOBS_BEFORE_EVALUATION = 3
# a nominal cost that is off by less is left as it is
OFF = 0.1


@dataclass(frozen=True)
class Line:
    """One model size in the plan, trained to one share of its steps.

    Attributes:
        done: trials proposed so far.
        affordable: the most further trials of this size that the open budget buys, alone; those to come of a design.
        measured: what a trial of this size took so far, training and scoring, in the budget's unit; None while none that began
            anew is done, or when the unit is no time.
        speed: tokens a second that these trials were trained at; None while none is done.
    """

    fidelity: Fidelity
    done: int
    affordable: int
    measured: float | None
    speed: float | None = None


@dataclass(frozen=True)
class Plan:
    """The cost plan of a campaign.

    Attributes:
        waiting: trials that are decided and neither scored nor failed.
        unprepared: tokenizers and sources that are still to be made, a job each.
    """

    campaign: Campaign
    lines: tuple[Line, ...]
    budget: Budget
    bases: dict[str, float]
    waiting: int
    unprepared: int

    @property
    def open(self) -> float:
        """What the optimiser may still decide on."""
        return self.budget.open

    def trials(self) -> tuple[int, int]:
        """Fewest and most further trials: all at the target, or all at the cheapest size (after the initial design); a design
        knows its own."""
        if self.campaign.optimizer.design:
            ahead = 0 if self.budget.committed else sum(self.campaign.design_counts)
            return ahead, ahead
        dearest, cheapest = self.campaign.target.cost, self.lines[0].fidelity.cost
        initial = 0 if self.budget.committed else min(self.campaign.optimizer.initial, self.budget.affordable(cheapest))
        begun = money.times(initial, cheapest)
        few, many = (self.budget.affordable(price, begun) for price in (dearest, cheapest))
        return initial + few, initial + many

    def jobs(self) -> tuple[int, int]:
        """Fewest and most jobs: those trials with their decisions, the final training and the report; sources not counted."""
        few, many = self.trials()
        return self._jobs(few), self._jobs(many)

    def cluster_jobs(self, grouped: bool) -> tuple[int, int]:
        """Fewest and most jobs that train and score in a cluster's queue, those decided and not done included."""
        each = 1 if grouped else 1 + len(self.campaign.evaluation)
        finals = self.campaign.budget.final_replicates if self.budget.reserved else 0
        few, many = (self.waiting + trials + finals for trials in self.trials())
        return few * each, many * each

    def _jobs(self, trials: int) -> int:
        each = JOBS_BEFORE_EVALUATION + len(self.campaign.evaluation)
        # the initial design, or the whole of one, is one decision
        initial = (
            0
            if self.budget.committed
            else min(sum(self.campaign.design_counts) or self.campaign.optimizer.initial, trials)
        )
        decisions = (initial > 0) + -(-(trials - initial) // self.campaign.budget.batch)
        finals = self.campaign.budget.final_replicates if self.budget.reserved else 0
        return (trials + finals) * each + 2 * decisions + (2 if finals else 0)


def make_plan(campaign: Campaign) -> Plan:
    """The plan at this moment: on a fresh clone everything is ahead, later what is spent and committed is counted."""
    ledger = Ledger.read(campaign)
    progress = measure(campaign, ledger)
    lines = []
    for place, fidelity in enumerate(fidelities(campaign)):
        trials = [trial for trial in ledger.trials if trial.fidelity == fidelity.name]
        designed = campaign.optimizer.design is not None
        ahead = campaign.design_counts[place] - len(trials) if designed else progress.budget.affordable(fidelity.cost)
        lines.append(Line(fidelity, len(trials), ahead, _measured(campaign, trials), _speed(trials)))
    bases = {}
    for model in campaign.models:
        owner = base_campaign(model)
        if owner is not None and model.base is not None:
            bases[f"{owner.name}/{model.base.model} ({owner.budget.unit})"] = owner.model(model.base.model).cost
    return Plan(
        campaign,
        tuple(lines),
        progress.budget,
        bases,
        waiting=sum(len(progress.trials[state]) for state in ("proposed", "running", "trained")),
        unprepared=_unprepared(campaign),
    )


def _measured(campaign: Campaign, trials: list[Trial]) -> float | None:
    """Mean cost of a trial, of those that are done and went on with no shorter training."""
    done = [trial for trial in trials if trial.state == "done" and trial.record and not trial.record.continued_from]
    costs = [cost for trial in done if (cost := measured_cost(campaign, trial)) is not None]
    return sum(costs) / len(costs) if costs else None


def _speed(trials: list[Trial]) -> float | None:
    """Mean tokens a second of the trainings that ended well."""
    records = [trial.record for trial in trials if trial.record is not None]
    speeds = [record.tokens_per_second for record in records if record.status == "ok" and record.tokens_per_second]
    return sum(speeds) / len(speeds) if speeds else None


def _unprepared(campaign: Campaign) -> int:
    layout = Layout(Path(campaign.results))
    owns = tokenizer_owner(campaign) is not None
    tokenizer = owns and not layout.tokenizer(tokenizer_digest(campaign)).is_dir()
    return tokenizer + sum(not layout.card(name, source_digest(campaign, name)).is_file() for name in campaign.sources)


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


def render(
    plan: Plan, concurrency: int | None = None, site: Site | None = None, queue_minutes: float | None = None
) -> str:
    """The plan as text for a terminal.

    Args:
        concurrency: trainings side by side; the campaign's lanes when left out.
        site: the cluster that it is planned for.
        queue_minutes: how long a job is expected to wait in the queue there.
    """
    campaign = plan.campaign
    side_by_side = concurrency or campaign.budget.lanes
    out = [f"Cost plan of campaign '{campaign.name}' ({campaign.budget.unit}; nominal costs from the YAML)", ""]
    out += [*_sizes(plan), *_money(plan), "", *_ahead(plan)]
    if site is not None:
        out += _cluster(plan, site, side_by_side, queue_minutes)
    out += [f"  wall time      {_wall_time(plan, side_by_side)}", f"  disk           {_disk(plan)}"]
    if plan.trials()[1]:
        out += [
            "  A dry run cannot list trials that are not decided yet; `snakemake --cores 1 next_proposal` decides the next",
            "  ones in seconds, then `snakemake -n next_iteration` lists them.",
        ]
    return "\n".join(out)


def _sizes(plan: Plan) -> list[str]:
    """One line per fidelity, the legend, and advice where measured costs differ from nominal ones."""
    campaign, unit = plan.campaign, plan.campaign.budget.unit
    heads = (("cost/trial", 12), ("measured", 10), ("decided", 10), ("affordable", 12), ("GPUs", 6), ("minutes", 9))
    out = [f"  {'size':<12}" + "".join(f"{head:>{width}}" for head, width in (*heads, ("mem GB", 8)))]
    for line in plan.lines:
        model = line.fidelity.model
        name = line.fidelity.name + (" *" if line.fidelity.name == campaign.target.name else "")
        out.append(
            f"  {name:<12}{line.fidelity.cost:>12.4g}{_number(line.measured):>10}{line.done:>10}{line.affordable:>12}"
            f"{model.resources.gpus * model.resources.nodes:>6}{model.resources.minutes:>9}{model.resources.mem_gb:>8.4g}"
        )
    ahead = "to come of the design" if campaign.optimizer.design else "if the whole open budget bought this size"
    out += [
        f"  (* target; measured: training and scoring, so far; affordable: {ahead};",
        "  minutes: the time limit of one training)",
        *([_going_on(campaign)] if len(campaign.fidelity.steps) > 1 else []),
        "",
    ]
    advice = [
        _advice(line, unit)
        for line in plan.lines
        if line.measured and line.fidelity.share == 1 and abs(line.measured / line.fidelity.cost - 1) > OFF
    ]
    return [*out, *advice, ""] if advice else out


def _money(plan: Plan) -> list[str]:
    """The budget and its parts, and base models, which stand outside it."""
    campaign, budget = plan.campaign, plan.budget
    return [
        *([f"  design     {_sum(campaign)}"] if campaign.optimizer.design else []),
        f"  budget     {_amount(budget.total):>10}",
        f"  spent      {_amount(budget.spent):>10}",
        f"  committed  {_amount(budget.committed):>10}  (spent, and what is decided)",
        f"  reserved   {_amount(budget.reserved):>10}  ({_reserve(campaign)})",
        f"  open       {_amount(plan.open):>10}",
        *(f"  outside the budget: base model {name}: {cost:.4g}" for name, cost in plan.bases.items()),
    ]


def _ahead(plan: Plan) -> list[str]:
    """How many trials and jobs are still to come."""
    (few, many), (few_jobs, many_jobs) = plan.trials(), plan.jobs()
    if plan.campaign.optimizer.design:
        return [f"  further trials {many}, decided at once; jobs {many_jobs}"]
    return [
        f"  further trials {few} to {many} (after the initial design all at the target .. all at "
        f"{plan.lines[0].fidelity.name}); jobs {few_jobs} to {many_jobs}, the final training's included"
    ]


def _advice(line: Line, unit: str) -> str:
    """By how much a size's nominal cost is off, and what to write instead."""
    model = line.fidelity.model
    assert line.measured is not None
    off = line.measured / model.cost - 1
    speed = f", {line.speed:,.0f} tokens/s" if line.speed else ""
    return (
        f"  {model.name}: a trial took {line.measured:.3g} {unit} (training and scoring, time in queues apart{speed}), "
        f"{abs(off):.0%} {'more' if off > 0 else 'less'} than its nominal cost; to plan with that write `cost: {line.measured:.3g}`"
    )


def _going_on(campaign: Campaign) -> str:
    """What a trial that stopped early costs to be continued, as a sentence with an example."""
    target, stopped = campaign.target, campaign.fidelity.steps[-2]
    price = target.cost * (1 - kept(campaign) * stopped)
    return (
        f"  (a trial that stopped early goes on for the difference, its decay apart: {label(target.name, stopped)} to the end for "
        f"{price:.4g})"
    )


def _sum(campaign: Campaign) -> str:
    """A design's cost as a sum over its sizes."""
    parts = [
        f"{n} x {model.cost:g} ({model.name})"
        for n, model in zip(campaign.design_counts, campaign.models, strict=True)
        if n
    ]
    return f"{' + '.join(parts)} = {campaign.design_cost:,.2f} {campaign.budget.unit}"


def _reserve(campaign: Campaign) -> str:
    final = f"final training of {campaign.target.name} on the recommendation"
    return final if campaign.budget.final_replicates else f"no {final} is asked for"


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 10_000 else f"{value:.4g}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _cluster(plan: Plan, site: Site, side_by_side: int, queue_minutes: float | None) -> list[str]:
    """Jobs in the queue by partition, and what waiting there adds."""
    few, many = plan.cluster_jobs(site.grouped)
    what = "a trial each" if site.grouped else "a training or a suite each"
    models: dict[str | None, list[str]] = {}
    for line in plan.lines:
        if line.fidelity.share == 1:
            model = line.fidelity.model
            models.setdefault(site.partition_of(model.resources), []).append(model.name)
    where = "; ".join(f"{', '.join(names)} in {name or 'the default partition'}" for name, names in models.items())
    rounds = -(-many // side_by_side)
    wait = (
        f"; {queue_minutes:g} minutes in the queue add {duration(queue_minutes * 60 * rounds)}" if queue_minutes else ""
    )
    cpu = site.partition or "the default partition"
    return [
        f"  Slurm jobs     {few} to {many} that train and score ({what}): {where}",
        f"                 {plan.unprepared} that prepare sources, in {cpu}; the rest runs here",
        f"                 at most {rounds} one after the other: a minute in the queue each adds {duration(60.0 * rounds)}{wait}",
    ]


def _wall_time(plan: Plan, side_by_side: int) -> str:
    ahead = plan.open + plan.budget.reserved + plan.budget.committed - plan.budget.spent
    unit = plan.campaign.budget.unit.lower()
    gpus = plan.campaign.target.resources.gpus * plan.campaign.target.resources.nodes
    per_unit = seconds_of_unit(unit)
    if per_unit is None:
        return f"not known: '{plan.campaign.budget.unit}' is no unit of time"
    workers = side_by_side * (max(gpus, 1) if unit.startswith("gpu") else 1)
    seconds = ahead * per_unit / workers
    if plan.campaign.optimizer.design and side_by_side == 1:
        return f"about {duration(seconds)} one after the other; as many side by side as the queue gives (--concurrency)"
    trainings = f"{side_by_side} trainings side by side" if side_by_side > 1 else "one training after the other"
    return f"about {duration(seconds)} with {trainings}, waiting in queues not counted (estimate)"


def _disk(plan: Plan) -> str:
    """Most that the weights may take, at 4 bytes a parameter, kept until `admire prune`, and thrice that a running trial and one
    that stopped early: it can go on."""
    vocabulary = plan.campaign.tokenizer.vocabulary
    sizes = {model.name: parameters(model, vocabulary) for model in plan.campaign.models}
    if None in sizes.values():
        return "depends on the models' weights, which the YAML does not describe"
    target = sizes[plan.campaign.target.name] or 0
    finals = plan.campaign.budget.final_replicates

    def bytes_of(line: Line) -> int:
        return (4 if line.fidelity.share == 1 else 4 + 12) * (sizes[line.fidelity.model.name] or 0)

    # whatever the open budget is spent on
    most = max(line.affordable * bytes_of(line) for line in plan.lines)
    need = most + 4 * finals * target + 12 * max(size or 0 for size in sizes.values()) * plan.campaign.budget.lanes
    root = Layout(Path(plan.campaign.results)).root
    while not root.exists():
        root = root.parent if root != root.parent else Path()
    free = shutil.disk_usage(root).free
    short = ", less than that: free some space in time, or `admire prune` meanwhile" if free < need else ""
    return f"at most {need / 1e6:,.0f} MB for models and checkpoints (estimate); {size(free)} free at {root}{short}"
