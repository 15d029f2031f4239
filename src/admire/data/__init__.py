"""Mixture -> examples: each source is tokenised once, and a mixture is an index of its exact rows, so that no data is copied."""
