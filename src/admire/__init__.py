"""ADMIRE: how much of each data source to train on, decided by multi-fidelity Bayesian optimisation."""

from admire.earlier_names import accept

__version__ = "0.2.0"

accept()
