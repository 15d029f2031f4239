"""WHAT the user declared: the YAML, the part of it that decides outcomes, where every file lives."""
