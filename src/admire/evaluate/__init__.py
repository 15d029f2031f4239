"""Model -> scores, one file a suite: held-out loss a source, and tasks of the lm-evaluation-harness."""
