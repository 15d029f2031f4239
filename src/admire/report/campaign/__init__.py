"""The report of a campaign: its page, one file per figure, and recommendation.yaml."""
