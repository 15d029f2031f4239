"""The troubles of a campaign: one file per kind of finding, and each finding is one line with the command that helps."""
