"""The comparison of recommended mixtures with others on the test split: its table, page and figure."""
