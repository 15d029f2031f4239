rule train_tokenizer:
    output:
        directory(LAYOUT.tokenizer("{digest}")),
    log:
        LAYOUT.root / "logs" / "tokenizers" / "{digest}.log",
    conda:
        "../../envs/admire.yaml"
    params:
        campaign=lambda wildcards: config_arguments(OWNERS.tokenizers[wildcards.digest]),
    message:
        "train the tokenizer"
    shell:
        "admire train-tokenizer {params.campaign:q} 2> {log:q}"


rule prepare_source:
    input:
        before_source,
    output:
        LAYOUT.card("{source}", "{digest}"),
    log:
        LAYOUT.root / "logs" / "sources" / "{source}" / "{digest}.log",
    conda:
        "../../envs/admire.yaml"
    # `--set-threads prepare_source=8`, or a profile, gives it more; they only change how long it takes.
    threads: 1
    params:
        campaign=lambda wildcards: config_arguments(
            OWNERS.sources[wildcards.source, wildcards.digest]
        ),
    message:
        "prepare source {wildcards.source}"
    shell:
        "admire prepare-source {wildcards.source:q} --threads {threads} {params.campaign:q} 2> {log:q}"
