"""Methods on tables of runs that others paid for: what they would have bought, and how soon they would have known."""
