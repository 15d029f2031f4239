localrules:
    trial_spec,
    build_data,


# A trial's files depend only on its digest. The rules have no sources or proposals as inputs, because a touched file would then make
# Snakemake train the trial again.


rule trial_spec:
    output:
        TRIAL.spec,
    log:
        TRIAL.logs / "spec.log",
    conda:
        "../../envs/admire.yaml"
    params:
        folder=trial_folder,
    message:
        "trial {wildcards.model} {wildcards.digest}: spec"
    shell:
        "admire spec {params.folder:q} 2> {log:q}"


rule build_data:
    input:
        TRIAL.spec,
    output:
        manifest=TRIAL.data,
        index=TRIAL.index,
    log:
        TRIAL.logs / "build_data.log",
    conda:
        "../../envs/admire.yaml"
    params:
        folder=trial_folder,
    message:
        "trial {wildcards.model} {wildcards.digest}: build data"
    shell:
        "admire build-data {params.folder:q} 2> {log:q}"


rule train:
    input:
        spec=TRIAL.spec,
        manifest=TRIAL.data,
        index=TRIAL.index,
    output:
        TRIAL.train(),
    log:
        TRIAL.logs / "train.log",
    benchmark:
        TRIAL.logs / "train.tsv"
    # 0 inside a cluster job, or the Snakemake in the job would itself retry each of the attempts.
    retries: RETRIES if workflow.is_main_process else 0
    conda:
        "../../envs/admire.yaml"
    threads: requested("threads")
    resources:
        gpu=requested("gpus"),
        gpu_model=requested("gpu_type"),
        nodes=requested("nodes"),
        # One Slurm task per node; the executor plugin sets the number of tasks only for MPI jobs.
        mpi=requested("mpi"),
        tasks=requested("tasks"),
        tasks_per_gpu=requested("tasks_per_gpu"),
        gres=requested("gres"),
        runtime=requested("minutes"),
        mem_mb=requested("memory_mb"),
        slurm_partition=requested("partition"),
        slurm_extra=slurm_extra,
        attempt=requested("attempt"),
    params:
        folder=trial_folder,
        attempts=ATTEMPTS + 1,
        resources=resources_argument,
        validation=validation_argument,
        share=trial_share,
        campaign=asking_campaign,
        cost=trial_cost,
    message:
        "trial {wildcards.model} {wildcards.digest}: train ({params.cost}, {resources.gpu} GPUs, at most {resources.runtime} min)"
    # In a Slurm job srun starts one `admire train` per node as its direct child, because Slurm signals time limits and preemptions only
    # to these. `admire train` itself starts one process per GPU; if it breaks on one node, srun ends it on the others. The end of {log}
    # is copied into the job's own log, because Snakemake deletes {log} before it tries again. The node is noted in jobs.txt, because
    # `admire train` cannot note it if it does not even start.
    shell:
        "${{SLURM_JOB_ID:+srun --overlap -N{resources.nodes:q} -n{resources.nodes:q} -c {threads} --cpu-bind=none "
        "--kill-on-bad-exit=1}} admire train {params.folder:q} --share {params.share:q} {params.campaign:q} --resources {params.resources:q} {params.validation:q} "
        "--attempt {resources.attempt:q} --attempts {params.attempts:q} --memory-mb {resources.mem_mb:q} 2>> {log:q} "
        '|| {{ code=$?; [ -z "${{SLURM_JOB_ID:-}}" ] || {{ tail -n 20 {log:q} >&2; '
        'echo "$SLURMD_NODENAME $(date -u +%Y-%m-%dT%H:%M:%S+00:00) $code $SLURM_JOB_ID" >> {params.folder:q}/jobs.txt; }}; exit $code; }}'


rule evaluate:
    input:
        TRIAL.train(),
    output:
        TRIAL.evaluation("{suite}", "{digest8}"),
    log:
        TRIAL.logs / "evaluate-{suite}-{digest8}.log",
    # As many retries as for a training; `admire evaluate` itself counts the attempts that broke and then records the failure.
    retries: RETRIES if workflow.is_main_process else 0
    conda:
        "../../envs/admire.yaml"
    threads: requested("threads")
    resources:
        gpu=requested("gpus"),
        gpu_model=requested("gpu_type"),
        nodes=requested("nodes"),
        # When grouped, the training and its evaluations are one job, so both request the same.
        mpi=requested("mpi"),
        tasks=requested("tasks"),
        tasks_per_gpu=requested("tasks_per_gpu"),
        gres=requested("gres"),
        runtime=requested("minutes"),
        mem_mb=requested("memory_mb"),
        slurm_partition=requested("partition"),
        slurm_extra=slurm_extra,
        # Grouped evaluations run one after another; otherwise the job would request GPUs for all of them at once.
        evaluations=1,
    params:
        folder=trial_folder,
        share=trial_share,
        campaign=config_arguments(CAMPAIGN.name),
        split=lambda wildcards: OWNERS.splits[wildcards.suite, wildcards.digest8],
        resources=resources_argument,
        attempts=ATTEMPTS,
    message:
        "trial {wildcards.model} {wildcards.digest}: evaluate {wildcards.suite} ({params.split}, {resources.gpu} GPUs)"
    shell:
        "admire evaluate {params.folder:q} --share {params.share:q} --suite {wildcards.suite:q} --split {params.split:q} {params.campaign:q} "
        "--resources {params.resources:q} --attempts {params.attempts:q} 2> {log:q}"


# The same rules for trials that stop early. A longer training resumes from the shorter one's checkpoint, or restarts if there is
# none. The shorter training is no input: the longer one is proposed only after the shorter one has finished.


use rule train as train_short with:
    output:
        SHORT.train(),
    log:
        SHORT.logs / "train.log",
    benchmark:
        SHORT.logs / "train.tsv"
    message:
        "trial {wildcards.model} {wildcards.digest}: train to {wildcards.share} of its steps ({params.cost}, {resources.gpu} GPUs, at most {resources.runtime} min)"


use rule evaluate as evaluate_short with:
    input:
        SHORT.train(),
    output:
        SHORT.evaluation("{suite}", "{digest8}"),
    log:
        SHORT.logs / "evaluate-{suite}-{digest8}.log",
    message:
        "trial {wildcards.model} {wildcards.digest}: evaluate {wildcards.suite} at {wildcards.share} of its steps ({params.split}, {resources.gpu} GPUs)"
