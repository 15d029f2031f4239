"""ADMIRE: how much of each data source to train on, decided by multi-fidelity Bayesian optimisation."""

__version__ = "0.1.0"
