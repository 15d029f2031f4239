localrules:
    propose_benchmark,
    compare,


checkpoint propose_benchmark:
    input:
        lambda wildcards: [path for one in RUNS.values() for path in updates_of(one)],
    output:
        FILES.special(BENCHMARK),
    log:
        FILES.logs / "propose_benchmark.log",
    params:
        campaign=lambda wildcards: config_arguments(wildcards.campaign),
    message:
        "{wildcards.campaign}: fresh replicates of the mixtures to compare"
    shell:
        "{ADMIRE} propose benchmark {params.campaign} 2> {log}"


def before_comparison(wildcards):
    proposal = LAYOUT.campaign(wildcards.campaign).special(BENCHMARK)
    return [proposal, *evaluations_of(proposal, CAMPAIGN.deciding_suites, "test")]


rule compare:
    input:
        before_comparison,
    output:
        LAYOUT.benchmark("{campaign}") / "summary.csv",
    log:
        LAYOUT.benchmark("{campaign}") / "compare.log",
    params:
        campaign=lambda wildcards: config_arguments(wildcards.campaign),
    message:
        "{wildcards.campaign}: recommended against the other mixtures, on the test split"
    shell:
        "{ADMIRE} benchmark {params.campaign} 2> {log}"
