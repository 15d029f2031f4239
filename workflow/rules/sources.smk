rule train_tokenizer:
    output:
        directory(LAYOUT.tokenizer("{digest}")),
    log:
        LAYOUT.root / "logs" / "tokenizers" / "{digest}.log",
    conda:
        "../../envs/admire.yaml"
    params:
        campaign=lambda wildcards: config_arguments(TOKENIZERS[wildcards.digest]),
    message:
        "train the tokenizer"
    shell:
        "admire train-tokenizer {params.campaign} 2> {log}"


rule prepare_source:
    input:
        before_source,
    output:
        LAYOUT.card("{source}", "{digest}"),
    log:
        LAYOUT.root / "logs" / "sources" / "{source}" / "{digest}.log",
    conda:
        "../../envs/admire.yaml"
    # more with `--set-threads prepare_source=8`, or in a profile; they decide nothing but the time it takes
    threads: 1
    params:
        campaign=lambda wildcards: config_arguments(
            SOURCES[wildcards.source, wildcards.digest]
        ),
    message:
        "prepare source {wildcards.source}"
    shell:
        "admire prepare-source {wildcards.source} --threads {threads} {params.campaign} 2> {log}"
