localrules:
    propose_benchmark,
    compare,


checkpoint propose_benchmark:
    input:
        lambda wildcards: inputs.before_mixtures(TARGETS),
    output:
        FILES.special(BENCHMARK),
    log:
        FILES.logs / "propose_benchmark.log",
    conda:
        "../../envs/admire.yaml"
    params:
        campaign=lambda wildcards: config_arguments(wildcards.campaign),
    message:
        "{wildcards.campaign}: fresh replicates of the mixtures to compare"
    shell:
        "admire propose benchmark {params.campaign:q} 2> {log:q}"


rule compare:
    input:
        lambda wildcards: inputs.before_comparison(TARGETS, wildcards.campaign),
    output:
        table=report(
            LAYOUT.benchmark("{campaign}") / "summary.csv",
            caption="../report/benchmark.rst",
            category="Benchmark",
        ),
        picture=report(
            LAYOUT.benchmark("{campaign}") / "benchmark.svg",
            caption="../report/benchmark.rst",
            category="Benchmark",
        ),
    log:
        FILES.logs / "compare.log",
    conda:
        "../../envs/admire.yaml"
    params:
        config=lambda wildcards: LAYOUT.campaign(wildcards.campaign).config,
    message:
        "{wildcards.campaign}: recommended against the other mixtures, on the test split"
    shell:
        "admire benchmark {params.config:q} 2> {log:q}"
