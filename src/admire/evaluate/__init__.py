"""Model -> scores. There are two kinds of suite: the held-out loss of each source, and tasks of the lm-evaluation-harness."""
