# On a login node: everything from the hub into this machine's caches. It has no output, so that it looks again each time.
localrules:
    prefetch,


rule prefetch:
    log:
        LAYOUT.campaign(CAMPAIGN.name).logs / "prefetch.log",
    conda:
        "../../envs/admire.yaml"
    params:
        campaign=LAYOUT.campaign(CAMPAIGN.name).config,
    message:
        "fetch models, datasets and task data"
    shell:
        "admire prefetch {params.campaign:q} 2> {log:q}"
