"""What is wrong with a campaign: one file per kind of finding, each finding one line with the command that helps."""
