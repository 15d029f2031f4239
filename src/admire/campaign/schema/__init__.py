"""The schema of a campaign: one file per section of the YAML. `consistency.py` checks the sections against each other."""
