"""The schema of a campaign, a file per section of the YAML; `consistency.py` is what they want of each other."""
