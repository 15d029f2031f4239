"""What this run knows, and adapters between Snakemake's wildcards and the package's functions, which hold all logic: what is
wanted next (`admire.loop.targets`), what waits for what (`admire.loop.inputs`).
"""

import json
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import yaml

import admire.loop.inputs as inputs
import admire.loop.lane_state as lane_state
from admire.campaign import loading
from admire.campaign.fidelity import fidelities, label
from admire.campaign.layout import BASE, BENCHMARK, FINAL
from admire.campaign.site import make_site, memory_mb
from admire.campaign.validation_plan import validation_plan
from admire.cluster.stand_ins import StandIns
from admire.errors import AdmireError
from admire.loop.digest_owners import digest_owners
from admire.loop.runs import known_runs
from admire.loop.targets import Targets
from admire.output.screen import sentence
from admire.trials.attempts import LEGS, Attempts
from admire.trials.lease import Lease
from admire.trials.nodes import Nodes

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
    RUNS = known_runs(CAMPAIGN)
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

try:
    OWNERS = digest_owners(RUNS)
    VALIDATIONS = {name: validation_plan(one) for name, one in RUNS.owners}
except AdmireError as error:  # a file that a digest is made of cannot be read
    sys.exit(sentence(str(error)))

TARGETS = Targets(RUNS)
LAYOUT = RUNS.layout
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
    if campaign in RUNS.lenders:
        path, results = RUNS.lenders[campaign].file, CAMPAIGN.results
        return ["--campaign", path, "--results", results]
    return ["--campaign", LAYOUT.campaign(campaign).config]


def model_of(wildcards):
    return RUNS.model(wildcards.model, wildcards.digest)


def settled(waits):
    """What a product waits for, of which a part counts only until it exists.

    Only then `ancient()`: Snakemake drops whatever stands behind an `ancient()` file that is just being written, and the
    run would end there with exit code 0.
    """
    once = [ancient(str(path)) for path in waits.once] if waits.settled else waits.once
    return [*waits.always, *once]


def before_source(wildcards):
    source, digest = wildcards.source, wildcards.digest
    return settled(inputs.before_source(TARGETS, source, digest, OWNERS.tokenizers))


def before_decision(wait):
    """The inputs of a rule about one step of one lane."""
    return lambda wildcards: settled(
        wait(TARGETS, wildcards.campaign, wildcards.step, wildcards.lane)
    )


def trial_of(wildcards):
    """The trial that a rule is about; a rule for whole trainings has no wildcard for the share."""
    return LAYOUT.trial(
        wildcards.model, wildcards.digest, float(wildcards.get("share", 1))
    )


def asking_campaign(wildcards):
    """The campaign whose decisions wait for a training; a base model's is waited for by trainings that cannot do without it."""
    return [] if RUNS.is_base(wildcards.digest) else config_arguments(CAMPAIGN.name)


def resources_argument(wildcards):
    """A model's resources as subcommands take them."""
    return model_of(wildcards).resources.model_dump_json(exclude_defaults=True)


def validation_argument(wildcards):
    """What a training is told about validating; a base model's, what the campaign says that lends it."""
    plan = VALIDATIONS[RUNS.trained_for(wildcards.model, wildcards.digest).name]
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
    for one in RUNS.running.values():
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
    if lane_state.final_step(CAMPAIGN) is not None:
        admire("status", "--check", campaign=CAMPAIGN)


onerror:
    STAND_INS.close()
    LEASE.release()
