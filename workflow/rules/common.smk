"""What this run knows, and adapters between Snakemake's wildcards and the package's functions, which hold all logic: what is
wanted next (`admire.loop.targets`), what waits for what (`admire.loop.inputs`), what jobs ask for (`admire.loop.resources`) and
are told (`admire.loop.job_arguments`).
"""

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import yaml

import admire.loop.inputs as inputs
import admire.loop.job_arguments as job_arguments
import admire.loop.lane_state as lane_state
from admire.campaign import loading
from admire.campaign.layout import BASE, BENCHMARK, FINAL
from admire.campaign.site import make_site
from admire.cluster.stand_ins import StandIns
from admire.errors import AdmireError
from admire.loop.digest_owners import digest_owners
from admire.loop.resources import ATTEMPTS, RETRIES, job_request
from admire.loop.runs import known_runs
from admire.loop.targets import Targets
from admire.output.screen import sentence
from admire.trials.attempts import Attempts
from admire.trials.lease import Lease
from admire.trials.nodes import Nodes

# Where `admire` is found without an activated environment: beside the Python that runs this.
BESIDE = str(Path(sys.executable).parent)


def admire(*arguments, campaign):
    """Run a subcommand on a campaign's merged configuration; what it refuses ends the workflow with its sentence."""
    text = yaml.safe_dump(campaign.model_dump(mode="json"), sort_keys=False)
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), BESIDE])
    done = subprocess.run(
        [shutil.which("admire", path=path) or "admire", *arguments, "-"],
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

beside = shlex.quote(BESIDE)
shell.prefix(f'export PATH="$PATH":{beside}; '.replace("{", "{{").replace("}", "}}"))

try:
    OWNERS = digest_owners(RUNS)
    VALIDATIONS = job_arguments.validation_plans(RUNS)
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
    """How a job names a campaign to a subcommand."""
    return job_arguments.campaign_arguments(RUNS, campaign)


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


def trial_folder(wildcards):
    return trial_of(wildcards).folder


def trial_share(wildcards):
    return wildcards.get("share", 1)


def trial_cost(wildcards):
    model, digest = wildcards.model, wildcards.digest
    return job_arguments.cost_at_most(RUNS, model, digest, trial_share(wildcards))


def asking_campaign(wildcards):
    return job_arguments.asking_campaign(RUNS, wildcards.digest)


def resources_argument(wildcards):
    return job_arguments.resources_argument(RUNS, wildcards.model, wildcards.digest)


def validation_argument(wildcards):
    model, digest = wildcards.model, wildcards.digest
    return job_arguments.validation_arguments(RUNS, VALIDATIONS, model, digest)


def grouped():
    """Whether a trial's training and evaluations are one job. Known when jobs are planned, not yet when rules are read."""
    return "train" in workflow.group_settings.overwrite_groups


def request(wildcards, attempt):
    """What the job of a training or an evaluation asks for at its next attempt."""
    return job_request(
        RUNS.model(wildcards.model, wildcards.digest).resources,
        SITE,
        Attempts(trial_of(wildcards).attempts),
        attempt,
        alone="suite" in wildcards.keys() and not grouped(),
    )


def requested(key):
    """One thing of these."""
    return lambda wildcards, attempt: getattr(request(wildcards, attempt), key)


def slurm_extra(wildcards, attempt):
    return request(wildcards, attempt).slurm_extra(NODES, trial_of(wildcards))


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
