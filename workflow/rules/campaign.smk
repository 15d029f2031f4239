localrules:
    propose,
    update,
    propose_base,
    propose_final,
    report,


checkpoint propose:
    input:
        before_decision(inputs.before_proposal),
    output:
        FILES.proposal("{step}", "{lane}"),
    log:
        FILES.logs / "propose_{step}_{lane}.log",
    conda:
        "../../envs/admire.yaml"
    params:
        campaign=lambda wildcards: config_arguments(wildcards.campaign),
    message:
        "{wildcards.campaign}: step {wildcards.step}, lane {wildcards.lane}: decide the next trials"
    shell:
        "admire propose step_{wildcards.step:q}/lane_{wildcards.lane:q} {params.campaign:q} 2> {log:q}"


checkpoint update:
    input:
        before_decision(inputs.before_update),
    output:
        FILES.update("{step}", "{lane}"),
    log:
        FILES.logs / "update_{step}_{lane}.log",
    conda:
        "../../envs/admire.yaml"
    params:
        campaign=lambda wildcards: config_arguments(wildcards.campaign),
    message:
        "{wildcards.campaign}: step {wildcards.step}, lane {wildcards.lane}: refit, and recommend"
    shell:
        "admire update step_{wildcards.step:q}/lane_{wildcards.lane:q} {params.campaign:q} 2> {log:q}"


checkpoint propose_base:
    input:
        lambda wildcards: inputs.before_base(TARGETS),
    output:
        FILES.special(BASE),
    log:
        FILES.logs / "propose_base.log",
    conda:
        "../../envs/admire.yaml"
    params:
        campaign=lambda wildcards: config_arguments(wildcards.campaign),
    message:
        "{wildcards.campaign}: decide the base models"
    shell:
        "admire propose base {params.campaign:q} 2> {log:q}"


checkpoint propose_final:
    input:
        lambda wildcards: TARGETS.updates(RUNS.running[wildcards.campaign]),
    output:
        FILES.special(f"{FINAL}_{{step}}"),
    log:
        FILES.logs / "propose_final_{step}.log",
    conda:
        "../../envs/admire.yaml"
    params:
        campaign=lambda wildcards: config_arguments(wildcards.campaign),
    message:
        "{wildcards.campaign}: the target on the recommended mixture"
    shell:
        "admire propose final_{wildcards.step:q} {params.campaign:q} 2> {log:q}"


rule report:
    input:
        lambda wildcards: inputs.before_report(TARGETS, wildcards.campaign),
    output:
        page=report(FILES.report, caption="../report/report.rst", category="Report"),
        recommendation=report(
            FILES.recommendation,
            caption="../report/recommendation.rst",
            category="Recommendation",
        ),
        mixture=report(
            FILES.figures / "mixture.svg",
            caption="../report/mixture.rst",
            category="Figures",
        ),
        progress=report(
            FILES.figures / "progress.svg",
            caption="../report/progress.rst",
            category="Figures",
        ),
        purchases=report(
            FILES.figures / "purchases.svg",
            caption="../report/purchases.rst",
            category="Figures",
        ),
        calibration=report(
            FILES.figures / "calibration.svg",
            caption="../report/calibration.rst",
            category="Figures",
        ),
        influence=report(
            FILES.figures / "influence.svg",
            caption="../report/influence.rst",
            category="Figures",
        ),
    log:
        FILES.logs / "report.log",
    conda:
        "../../envs/admire.yaml"
    params:
        config=lambda wildcards: LAYOUT.campaign(wildcards.campaign).config,
    message:
        "{wildcards.campaign}: report"
    shell:
        "admire report {params.config:q} 2> {log:q}"
