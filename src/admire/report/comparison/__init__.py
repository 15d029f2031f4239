"""Recommended mixtures against others on the test split: the table, the page and the figure."""
