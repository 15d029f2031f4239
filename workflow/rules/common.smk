"""Validation, the campaigns that this run knows, and the target functions. Targets look at files, never at
`checkpoints.X.get`: at start-up that learns of one round at a time (docs/decisions.md).
"""

import json
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import yaml

import admire.loop.schedule as schedule
from admire.campaign import loading
from admire.campaign.fidelity import fidelities, label
from admire.campaign.layout import BASE, BENCHMARK, FINAL, Layout, standing
from admire.campaign.recipes import (
    base_campaign,
    source_digests,
    suite_digest,
    tokenizer_digest,
    tokenizer_owner,
)
from admire.campaign.site import make_site, memory_mb
from admire.campaign.validation_plan import validation_plan
from admire.cluster.stand_ins import StandIns
from admire.errors import AdmireError
from admire.output.screen import sentence
from admire.trials.decision_records import read_proposal
from admire.trials.attempts import LEGS, Attempts
from admire.trials.lease import Lease
from admire.trials.nodes import Nodes

# Steps planned ahead of what is known, a lane: enough to keep the scheduler busy, few enough to keep the DAG small.
HORIZON = 5
# Of a lane's updates that stay as they are one in so many is asked for: few, and short enough a way for Snakemake's recursion.
STRETCH = 20
# Real tries at a training; one more only records that it failed. LEGS more may be stopped or taken back by its scheduler.
ATTEMPTS = 3


def admire(*arguments, campaign):
    """Run a subcommand on a campaign's merged configuration; what it refuses ends the workflow with its sentence."""
    text = yaml.safe_dump(campaign.model_dump(mode="json"), sort_keys=False)
    done = subprocess.run(
        [sys.executable, "-m", "admire.cli.main", *arguments, "-"],
        input=text,
        text=True,
        stdout=subprocess.PIPE,  # what it refuses, and what takes long, it says itself at once
    )
    if done.returncode:
        # exit code 1; an exception would add where in the workflow it was raised
        sys.exit(1)
    return done.stdout


try:
    CAMPAIGN = loading.parse(CONFIGURATION, ORIGIN)
    # Campaigns that run here: this one, and its rivals in the benchmark.
    RUNS = {
        one.name: one
        for one in (CAMPAIGN, *map(CAMPAIGN.rival, CAMPAIGN.benchmark.methods))
    }
    # Campaigns that only lend a base model: name -> (campaign, its YAML).
    BASE_CAMPAIGNS = {
        (base := base_campaign(model, CAMPAIGN.results)).name: (
            base,
            model.base.campaign,
        )
        for model in CAMPAIGN.models
        if model.base
    }
    # What the profile says of the cluster; on a laptop nothing. Its groups are known only when jobs are planned.
    DEFAULTS = workflow.resource_settings.default_resources or {}
    SITE = make_site(
        "the profile", {key: DEFAULTS[key].raw for key in DEFAULTS}, grouped=True
    )
except AdmireError as error:
    sys.exit(sentence(str(error)))

# Rules call `admire`; without an activated environment it is found beside the Python that runs this.
BESIDE = shlex.quote(str(Path(sys.executable).parent))
shell.prefix(f'export PATH="$PATH":{BESIDE}; '.replace("{", "{{").replace("}", "}}"))

LAYOUT = Layout(Path(CAMPAIGN.results))
NODES = Nodes(CAMPAIGN.results)
FILES = LAYOUT.campaign("{campaign}")
TRIAL = LAYOUT.trial("{model}", "{digest}")
SHORT = TRIAL.at("{share}")


wildcard_constraints:
    campaign="[a-z0-9][a-z0-9-]*",
    step=r"\d\d\d\d+",
    lane=r"\d+",
    digest="[0-9a-f]+",
    digest8="[0-9a-f]+",
    share=r"0\.\d+",
    model="[A-Za-z0-9][A-Za-z0-9_.-]*",
    source="[A-Za-z0-9][A-Za-z0-9_.-]*",
    suite="[A-Za-z0-9][A-Za-z0-9_.-]*?",


def config_arguments(campaign):
    """How a job names a campaign to a subcommand; the configuration as this run merged it, or the base campaign's YAML. A list of words, as
    every parameter of several words: each is quoted where a shell line is made of them.
    """
    if campaign in BASE_CAMPAIGNS:
        path, results = BASE_CAMPAIGNS[campaign][1], CAMPAIGN.results
        return ["--campaign", path, "--results", results]
    return ["--campaign", LAYOUT.campaign(campaign).config]


# What a digest in a path stands for; rivals share everything with the campaign itself.
OWNERS = [(name, one) for name, (one, _) in BASE_CAMPAIGNS.items()] + [
    (CAMPAIGN.name, CAMPAIGN)
]
try:
    SOURCES = {
        (source, digest): name
        for name, one in OWNERS
        for source, digest in source_digests(one).items()
    }
    VALIDATIONS = {name: validation_plan(one) for name, one in OWNERS}
    TOKENIZERS = {
        tokenizer_digest(one): next(
            (
                base
                for base, (two, _) in BASE_CAMPAIGNS.items()
                if two == tokenizer_owner(one)
            ),
            name,
        )
        for name, one in OWNERS
        if tokenizer_owner(one) is not None
    }
    SUITES = {
        (suite, suite_digest(CAMPAIGN, suite, split)): split
        for suite in CAMPAIGN.evaluation
        for split in ("validation", "test")
    }
except AdmireError as error:  # a file that a digest is made of cannot be read
    sys.exit(sentence(str(error)))


def cards_of(campaign):
    return [
        LAYOUT.card(source, digest)
        for source, digest in source_digests(campaign).items()
    ]


def model_of(wildcards):
    """The model whose resources a trial needs: this campaign's, or the base campaign's for a base model."""
    base = {
        model.name: model for one, _ in BASE_CAMPAIGNS.values() for model in one.models
    }
    own = {model.name: model for model in CAMPAIGN.models}
    return (own | base if wildcards.digest in base_digests() else base | own)[
        wildcards.model
    ]


def trials_in(proposal):
    """Every trial of a proposal; none while it is not written."""
    path = standing(Path(proposal))
    return [
        entry.files(LAYOUT)
        for entry in (read_proposal(path).trials if path.is_file() else ())
    ]


def base_digests():
    base = LAYOUT.campaign(CAMPAIGN.name).special(BASE)
    return {trial.folder.name for trial in trials_in(base)}


def evaluations_of(proposal, suites, split="validation"):
    return [
        trial.evaluation(suite, suite_digest(CAMPAIGN, suite, split))
        for trial in trials_in(proposal)
        for suite in suites
    ]


def base_records(campaign):
    """Records of the base models' trainings, and the decision that asks for them."""
    if not BASE_CAMPAIGNS:
        return []
    proposal = LAYOUT.campaign(campaign).special(BASE)
    return [
        proposal,
        *(trial.train() for trial in trials_in(proposal)),
    ]


# Updates that are found to stay as they are, by this run.
LEARNT = set()


def learnt(campaign, step, lane):
    """Whether an update exists and is younger than what it waits for."""
    files = LAYOUT.campaign(campaign.name)
    update, proposal = files.update(step, lane), files.proposal(step, lane)
    if update not in LEARNT and update.is_file():
        waits = [proposal, *evaluations_of(proposal, campaign.deciding_suites)]
        made = update.stat().st_mtime
        if all(path.is_file() and path.stat().st_mtime <= made for path in waits):
            LEARNT.add(update)
    return update in LEARNT


def updates_of(campaign):
    """Updates that stand for all that are wanted: those to be made, and of the others one in so many.

    Behind these stand the others: each decision waits for its lane's last update. Snakemake asks again at each update, and
    keeps every answer until it ends; all of them each time would take gigabytes in a thousand trials.
    """
    wanted, files = schedule.wanted(campaign, HORIZON), LAYOUT.campaign(campaign.name)
    last = {lane: step for step, lane in wanted}
    return [
        files.update(step, lane)
        for step, lane in wanted
        if step in (0, last[lane])
        or step % STRETCH == 0
        or not learnt(campaign, step, lane)
    ]


def finish_of(campaign, then):
    """Every update that is wanted; when all lanes have ended, what `then` makes of the final decision's number.

    Cards and base models stand beside them because a proposal that exists does not pass on that one of these is made
    again, and a run in which nothing else waits for it would end there.
    """
    final = schedule.final_step(campaign)
    return (
        cards_of(campaign)
        + base_records(campaign.name)
        + updates_of(campaign)
        + ([] if final is None else then(final))
    )


def report_files(wildcards):
    files = LAYOUT.campaign(CAMPAIGN.name)
    return finish_of(CAMPAIGN, lambda final: [files.report, files.recommendation])


def next_proposals(wildcards):
    """The next decision of every open lane."""
    files = LAYOUT.campaign(CAMPAIGN.name)
    found = []
    for lane in schedule.lanes(CAMPAIGN):
        first = 0 if lane.number == 0 else 1
        initial = files.update(0, 0).is_file()
        if lane.ended is None and (lane.number == 0 or initial):
            found.append(files.proposal(max(lane.updated + 1, first), lane.number))
    return found


def next_updates(wildcards):
    """What is decided and not learnt from yet."""
    files = LAYOUT.campaign(CAMPAIGN.name)
    return [
        files.update(lane.begun, lane.number)
        for lane in schedule.lanes(CAMPAIGN)
        if lane.begun > lane.updated
    ]


def benchmark_files(wildcards):
    done = [finish_of(one, lambda final: []) for one in RUNS.values()]
    if all(schedule.final_step(one) is not None for one in RUNS.values()):
        return sum(done, []) + [LAYOUT.benchmark(CAMPAIGN.name) / "summary.csv"]
    return sum(done, [])


def trial_of(wildcards):
    """The trial that a rule is about; a rule for whole trainings has no wildcard for the share."""
    return LAYOUT.trial(
        wildcards.model, wildcards.digest, float(wildcards.get("share", 1))
    )


def asking_campaign(wildcards):
    """The campaign whose decisions wait for a training; a base model's is waited for by trainings that cannot do without it."""
    base = wildcards.digest in base_digests()
    return [] if base else config_arguments(CAMPAIGN.name)


def resources_argument(wildcards):
    """A model's resources as subcommands take them."""
    return model_of(wildcards).resources.model_dump_json(exclude_defaults=True)


def validation_argument(wildcards):
    """What a training is told about validating; a base model's, what the campaign says that lends it."""
    owners = {
        model.name: one for one, _ in BASE_CAMPAIGNS.values() for model in one.models
    }
    base = wildcards.digest in base_digests()
    plan = VALIDATIONS[(owners[wildcards.model] if base else CAMPAIGN).name]
    return ["--validation", plan.model_dump_json()] if plan else []


def trial_folder(wildcards):
    return trial_of(wildcards).folder


def trial_share(wildcards):
    return wildcards.get("share", 1)


def trial_cost(wildcards):
    """What it costs at most; going on with a shorter training costs less."""
    share = wildcards.get("share", 1)
    name = label(wildcards.model, share)
    anew = {one.name: one.cost for one in fidelities(CAMPAIGN)}
    cost = model_of(wildcards).cost if share == 1 else anew[name]
    return f"{cost:g} {CAMPAIGN.budget.unit}"


def tries(wildcards, attempt):
    """Which real try at the training this is: neither legs that ended with a checkpoint, as the scheduler asked, nor jobs that
    were refused, never began or were taken back are any.
    """
    attempts = Attempts(trial_of(wildcards).attempts)
    return max(min(attempt - attempts.legs, attempts.failures + 1), 1)


def grouped():
    """Whether a trial's training and evaluations are one job. Known when jobs are planned, not yet when rules are read."""
    return "train" in workflow.group_settings.overwrite_groups


def asked(wildcards, attempt):
    """What a model asks for while it is trained; the attempt that only records the failure asks for no GPU. In the training's
    job an evaluation asks for the same when that is submitted; inside it nobody knows any more that it was grouped.
    """
    asks = model_of(wildcards).resources
    if tries(wildcards, attempt) > ATTEMPTS:
        return asks.model_copy(
            update={"gpus": 0, "nodes": 1, "processes": 1, "minutes": 5}
        )
    if "suite" in wildcards.keys() and not grouped():
        return asks.of_evaluation
    return asks


def asked_for(key):
    """One thing of these."""
    return lambda wildcards, attempt: getattr(asked(wildcards, attempt), key)


def threads_of_node(wildcards, attempt):
    asks = asked(wildcards, attempt)
    return asks.threads * asks.workers


def all_gpus(wildcards, attempt):
    asks = asked(wildcards, attempt)
    return asks.gpus * asks.nodes


def of_several_nodes(value):
    """A resource that only jobs on several nodes have; `value` is made from the model's resources."""

    def resource(wildcards, attempt):
        asks = asked(wildcards, attempt)
        return value(asks) if asks.nodes > 1 else None

    return resource


def gpus_of_each(asks):
    kind = f":{SITE.gpu_type}" if SITE.gpu_type else ""
    return f"gpu{kind}:{asks.gpus}" if asks.gpus else None


def partition(wildcards, attempt):
    """Trainings with GPUs run where the profile says that GPUs are; the attempt that records a failure needs none."""
    return SITE.partition_of(asked(wildcards, attempt))


def gpu_model(wildcards, attempt):
    """The GPUs' type, when GPUs are asked for."""
    return SITE.gpu_type if asked(wildcards, attempt).gpus else None


def slurm_extra(wildcards, attempt):
    """A warning before the time limit, early enough to write a checkpoint, late enough to have trained; a requeued job's log
    keeps what it held before; and nodes on which trainings break at once are left out.
    """
    lead = min(300, model_of(wildcards).resources.minutes * 60 // 5)
    extra = f"--signal=TERM@{lead} --open-mode=append"
    asks = asked(wildcards, attempt)
    gpu = f"gpu:{SITE.gpu_type}" if SITE.gpu_type else "gpu"
    bad = NODES.to_leave_out(
        trial_of(wildcards),
        partition(wildcards, attempt),
        gpu if asks.gpus else None,
        asks.nodes,
    )
    return f"{extra} --exclude={','.join(bad)}" if bad else extra


def memory(wildcards):
    return memory_mb(model_of(wildcards).resources)


def settled(product, waits):
    """What `product` waits for until it exists; then it is not made again because one of these was written again.

    Only then `ancient()`: Snakemake drops whatever stands behind an `ancient()` file that is just being written, and the
    run would end there with exit code 0.
    """
    if Path(product).exists():
        return [ancient(str(path)) for path in waits]
    return waits


def before_source(wildcards):
    return settled(
        LAYOUT.card(wildcards.source, wildcards.digest),
        [LAYOUT.tokenizer(digest) for digest in TOKENIZERS],
    )


def before_proposal(wildcards):
    """What a decision waits for: prepared sources, and the lane's last update; at the start trained base models."""
    campaign, files = RUNS[wildcards.campaign], LAYOUT.campaign(wildcards.campaign)
    last = schedule.predecessor(int(wildcards.step), int(wildcards.lane))
    waits = cards_of(campaign)
    waits += base_records(wildcards.campaign) if last is None else [files.update(*last)]
    return settled(files.proposal(wildcards.step, wildcards.lane), waits)


def before_update(wildcards):
    """What learning waits for: the decision, the scores of its trials, and the sources, whose sizes are the caps."""
    files = LAYOUT.campaign(wildcards.campaign)
    proposal = files.proposal(wildcards.step, wildcards.lane)
    sources = settled(
        files.update(wildcards.step, wildcards.lane),
        cards_of(RUNS[wildcards.campaign]),
    )
    return [
        proposal,
        *evaluations_of(proposal, CAMPAIGN.deciding_suites),
        *sources,
    ]


def before_report(wildcards):
    """Every update, the final training, and the scores of all suites of all trials."""
    campaign, files = RUNS[wildcards.campaign], LAYOUT.campaign(wildcards.campaign)
    final = files.special(f"{FINAL}_{schedule.final_step(campaign) or 0:04d}")
    decided = [
        files.proposal(step, lane) for step, lane in schedule.wanted(campaign, 0)
    ]
    scores = [
        path
        for proposal in (*decided, final)
        for path in evaluations_of(proposal, campaign.evaluation)
    ]
    return [*updates_of(campaign), final, *scores]


def before_comparison(wildcards):
    proposal = LAYOUT.campaign(wildcards.campaign).special(BENCHMARK)
    return [proposal, *evaluations_of(proposal, CAMPAIGN.deciding_suites, "test")]


if workflow.is_main_process and workflow.output_settings.dryrun:
    cluster = ["--site", SITE.as_json()] if "runtime" in DEFAULTS else []
    print(
        admire("plan", "--origin", ORIGIN, *cluster, campaign=CAMPAIGN), file=sys.stderr
    )
elif workflow.is_main_process:
    # what is asked for is not known yet: it may be the fetching of what is missing
    admire("preflight", "--unfetched", "--again", "--origin", ORIGIN, campaign=CAMPAIGN)


LEASE = Lease(LAYOUT.campaign(CAMPAIGN.name).running)
# Before Slurm's own commands, while this controller lives.
STAND_INS = StandIns(Path.cwd(), logger)


onstart:
    holder = LEASE.claim(
        lambda other: print(
            f"waiting whether the controller on {other['host']} still lives",
            file=sys.stderr,
        )
    )
    if holder is not None:
        sys.exit(
            f"campaign '{CAMPAIGN.name}' is being run by process {holder['pid']} on {holder['host']}; "
            f"`admire status {CAMPAIGN.name}` shows it: wait for it, or end it first"
        )
    if workflow.executor_plugin.name == "slurm":
        site = replace(SITE, grouped=grouped()).as_json()
        waits = admire(
            "preflight",
            "--waits",
            "--site",
            site,
            "--origin",
            ORIGIN,
            campaign=CAMPAIGN,
        )
        print(waits, end="", file=sys.stderr)
        STAND_INS.open()
    wanted = {job.wildcards_dict.get("campaign") for job in workflow.dag.jobs} | {
        CAMPAIGN.name
    }
    fetching = {job.rule.name for job in workflow.dag.jobs} == {"prefetch"}
    for one in RUNS.values():
        if one.name in wanted:
            unfetched = ["--unfetched"] if fetching else []
            said = admire(
                "preflight", "--begin", *unfetched, "--origin", ORIGIN, campaign=one
            )
            print(said, end="", file=sys.stderr)


onsuccess:
    STAND_INS.close()
    LEASE.release()
    # the report is written, and yet it is no success when nothing of a size was ever trained
    if schedule.final_step(CAMPAIGN) is not None:
        admire("status", "--check", campaign=CAMPAIGN)


onerror:
    STAND_INS.close()
    LEASE.release()
