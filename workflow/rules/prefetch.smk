# To be run where there is a network, such as a login node: it downloads everything from the hub into this machine's caches.
# It has no output, so it looks for missing files whenever it is run.
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
