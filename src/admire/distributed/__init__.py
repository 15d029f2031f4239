"""Several processes of one command: how they are started, and what they tell each other."""
