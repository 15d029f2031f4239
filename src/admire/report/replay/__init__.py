"""The report of a replay on a table of finished runs: the table for the terminal, the page and the figures."""
