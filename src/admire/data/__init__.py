"""Mixture -> examples: sources tokenised once, exact mixtures of them as an index that copies no data."""
