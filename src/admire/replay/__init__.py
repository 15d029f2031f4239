"""Replays of methods on tables of finished runs: which runs each would have bought, and how soon it would have found the best."""
