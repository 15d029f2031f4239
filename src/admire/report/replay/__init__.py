"""A replay on a table of finished runs: the table on the terminal, the page and the figures."""
