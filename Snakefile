# The workflow is workflow/Snakefile; this one lets `snakemake` be typed in the repository's root.
include: "workflow/Snakefile"


rule all:
    default_target: True
    input:
        rules.campaign.input,
