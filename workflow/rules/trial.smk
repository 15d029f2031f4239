localrules:
    trial_spec,
    build_data,


# A trial's files depend on nothing but its digest: no edge to sources or proposals, or a touched file would retrain.


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
    # every attempt inside a cluster job would otherwise be three
    retries: ATTEMPTS + LEGS if workflow.is_main_process else 0
    conda:
        "../../envs/admire.yaml"
    threads: threads_of_node
    resources:
        gpu=all_gpus,
        gpu_model=gpu_model,
        nodes=asked_for("nodes"),
        # a task a node, which the plugin lets only MPI jobs have
        mpi=of_several_nodes(lambda asks: "srun"),
        tasks=of_several_nodes(lambda asks: asks.nodes),
        tasks_per_gpu=of_several_nodes(lambda asks: 0),
        gres=of_several_nodes(gpus_of_each),
        runtime=asked_for("minutes"),
        mem_mb=memory,
        slurm_partition=partition,
        slurm_extra=slurm_extra,
        attempt=tries,
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
    # In a Slurm job the training is srun's direct child, one on each node: nothing else is told of the time limit or a preemption.
    # It starts a process a GPU itself; where it breaks on one node, it is ended on the others. What srun says of its end is put
    # into the job's log: Snakemake deletes {log} when it tries again. Where `admire train` cannot even start, nobody else notes the node.
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
    # as often as a training: the subcommand itself counts what broke, and ends with a record
    retries: ATTEMPTS + LEGS if workflow.is_main_process else 0
    conda:
        "../../envs/admire.yaml"
    threads: threads_of_node
    resources:
        gpu=all_gpus,
        gpu_model=gpu_model,
        nodes=asked_for("nodes"),
        # in one job with the training the same as that one's
        mpi=of_several_nodes(lambda asks: "srun"),
        tasks=of_several_nodes(lambda asks: asks.nodes),
        tasks_per_gpu=of_several_nodes(lambda asks: 0),
        gres=of_several_nodes(gpus_of_each),
        runtime=asked_for("minutes"),
        mem_mb=memory,
        slurm_partition=partition,
        slurm_extra=slurm_extra,
        # one at a time in the training's job: side by side they would ask for its GPUs as often
        evaluations=1,
    params:
        folder=trial_folder,
        share=trial_share,
        campaign=config_arguments(CAMPAIGN.name),
        split=lambda wildcards: SUITES[wildcards.suite, wildcards.digest8],
        resources=resources_argument,
        attempts=ATTEMPTS,
    message:
        "trial {wildcards.model} {wildcards.digest}: evaluate {wildcards.suite} ({params.split}, {resources.gpu} GPUs)"
    shell:
        "admire evaluate {params.folder:q} --share {params.share:q} --suite {wildcards.suite:q} --split {params.split:q} {params.campaign:q} "
        "--resources {params.resources:q} --attempts {params.attempts:q} 2> {log:q}"


# The same for trials that stop early. A longer training goes on from what a shorter one left, and depends on nothing for it: it was
# decided when the shorter one was finished, and begins anew where that left nothing.


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
