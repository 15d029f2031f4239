"""The report of a replay in the continuous space: the tables for the terminal, the page and the figures."""
