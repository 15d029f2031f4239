# A trial's files depend on nothing but its digest: no edge to sources or proposals, or a touched file would retrain.


rule trial_spec:
    output:
        TRIAL.spec,
    log:
        TRIAL.logs / "spec.log",
    params:
        folder=str(TRIAL.folder),
    message:
        "trial {wildcards.model} {wildcards.digest}: spec"
    shell:
        "{ADMIRE} spec {params.folder} 2> {log}"


rule build_data:
    input:
        TRIAL.spec,
    output:
        manifest=TRIAL.data,
        index=TRIAL.index,
    log:
        TRIAL.logs / "build_data.log",
    params:
        folder=str(TRIAL.folder),
    message:
        "trial {wildcards.model} {wildcards.digest}: build data"
    shell:
        "{ADMIRE} build-data {params.folder} 2> {log}"


def training_resource(key, otherwise):
    """What a model asks for while it is trained; the attempt that only records the failure asks for no GPU."""

    def resource(wildcards, attempt):
        return getattr(model_of(wildcards).resources, key) if attempt <= ATTEMPTS else otherwise

    return resource


def memory(wildcards):
    return int(model_of(wildcards).resources.mem_gb * 1000)


rule train:
    input:
        spec=TRIAL.spec,
        manifest=TRIAL.data,
        index=TRIAL.index,
    output:
        TRIAL.train(),
    log:
        TRIAL.logs / "train.log",
    params:
        folder=str(TRIAL.folder),
        attempts=ATTEMPTS + 1,
        cost=lambda wildcards: f"{model_of(wildcards).cost:g} {CAMPAIGN.budget.unit}",
    benchmark:
        TRIAL.logs / "train.tsv"
    threads: lambda wildcards: model_of(wildcards).resources.threads
    # every attempt inside a cluster job would otherwise be three
    retries: ATTEMPTS if workflow.is_main_process else 0
    resources:
        gpu=training_resource("gpus", 0),
        runtime=training_resource("minutes", 5),
        mem_mb=memory,
        attempt=lambda wildcards, attempt: attempt,
    message:
        "trial {wildcards.model} {wildcards.digest}: train ({params.cost}, {resources.gpu} GPUs, at most {resources.runtime} min)"
    shell:
        "{ADMIRE} train {params.folder} --attempt {resources.attempt} --attempts {params.attempts} 2>> {log}"


rule evaluate:
    input:
        TRIAL.train(),
    output:
        TRIAL.evaluation("{suite}", "{digest8}"),
    log:
        TRIAL.logs / "evaluate-{suite}-{digest8}.log",
    params:
        folder=str(TRIAL.folder),
        campaign=config_arguments(CAMPAIGN.name),
        split=lambda wildcards: SUITES[wildcards.suite, wildcards.digest8],
    threads: lambda wildcards: model_of(wildcards).resources.threads
    resources:
        gpu=training_resource("gpus", 0),
        runtime=training_resource("minutes", 5),
        mem_mb=memory,
    message:
        "trial {wildcards.model} {wildcards.digest}: evaluate {wildcards.suite} ({params.split}, {resources.gpu} GPUs)"
    shell:
        "{ADMIRE} evaluate {params.folder} --suite {wildcards.suite} --split {params.split} {params.campaign} 2> {log}"
