"""Several processes of one command: how they are started, and how they exchange values."""
