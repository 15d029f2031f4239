"""ADMIRE: how much of each data source to train on, decided by multi-fidelity Bayesian optimisation."""

__version__ = "0.2.0"
