"""Checks that refuse a campaign before anything is spent: one file per subject."""
