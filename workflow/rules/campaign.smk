localrules:
    propose,
    update,
    propose_base,
    propose_final,
    report,


def before_proposal(wildcards):
    """What a decision waits for: the lane's last update; at the start prepared sources and trained base models."""
    campaign = RUNS[wildcards.campaign]
    last = course.predecessor(int(wildcards.step), int(wildcards.lane))
    if last is not None:
        return [LAYOUT.campaign(wildcards.campaign).update(*last)]
    return cards_of(campaign) + base_records(wildcards.campaign)


checkpoint propose:
    input:
        # a table that is written again must not ask for the decision again
        ancient(before_proposal),
    output:
        FILES.proposal("{step}", "{lane}"),
    log:
        FILES.logs / "propose_{step}_{lane}.log",
    params:
        campaign=lambda wildcards: config_arguments(wildcards.campaign),
    message:
        "{wildcards.campaign}: step {wildcards.step}, lane {wildcards.lane}: what next?"
    shell:
        "{ADMIRE} propose step_{wildcards.step}/lane_{wildcards.lane} {params.campaign} 2> {log}"


def before_update(wildcards):
    proposal = LAYOUT.campaign(wildcards.campaign).proposal(wildcards.step, wildcards.lane)
    return [proposal, *evaluations_of(proposal, CAMPAIGN.deciding_suites)]


checkpoint update:
    input:
        before_update,
    output:
        FILES.update("{step}", "{lane}"),
    log:
        FILES.logs / "update_{step}_{lane}.log",
    params:
        campaign=lambda wildcards: config_arguments(wildcards.campaign),
    message:
        "{wildcards.campaign}: step {wildcards.step}, lane {wildcards.lane}: what was learnt?"
    shell:
        "{ADMIRE} update step_{wildcards.step}/lane_{wildcards.lane} {params.campaign} 2> {log}"


checkpoint propose_base:
    input:
        lambda wildcards: [card for lent, _ in LENDERS.values() for card in cards_of(lent)],
    output:
        FILES.special(BASE),
    log:
        FILES.logs / "propose_base.log",
    params:
        campaign=lambda wildcards: config_arguments(wildcards.campaign),
    message:
        "{wildcards.campaign}: which base models?"
    shell:
        "{ADMIRE} propose base {params.campaign} 2> {log}"


checkpoint propose_final:
    input:
        lambda wildcards: updates_of(RUNS[wildcards.campaign]),
    output:
        FILES.special(FINAL + "_{step}"),
    log:
        FILES.logs / "propose_final_{step}.log",
    params:
        campaign=lambda wildcards: config_arguments(wildcards.campaign),
    message:
        "{wildcards.campaign}: the target on the recommended mixture"
    shell:
        "{ADMIRE} propose final_{wildcards.step} {params.campaign} 2> {log}"


def before_report(wildcards):
    """Every update, the final training, and the scores of all suites of all trials."""
    campaign, files = RUNS[wildcards.campaign], LAYOUT.campaign(wildcards.campaign)
    final = files.special(f"{FINAL}_{course.final_step(campaign) or 0:04d}")
    decided = [files.proposal(step, lane) for step, lane in course.wanted(campaign, 0)]
    scores = [path for proposal in (*decided, final) for path in evaluations_of(proposal, campaign.evaluation)]
    return [*updates_of(campaign), final, *scores]


rule report:
    input:
        before_report,
    output:
        page=report(FILES.report, caption="../report/report.rst", category="Report"),
        recommendation=report(FILES.recommendation, caption="../report/recommendation.rst", category="Recommendation"),
    log:
        FILES.logs / "report.log",
    params:
        campaign=lambda wildcards: config_arguments(wildcards.campaign),
    message:
        "{wildcards.campaign}: report"
    shell:
        "{ADMIRE} report {params.campaign} 2> {log}"
