"""Square roots of weights, the coordinates in which emulators see a mixture."""

from __future__ import annotations

import numpy as np


def roots(X: np.ndarray) -> np.ndarray:
    """Square roots of weights (n x K): a step between small weights matters more than one between large ones."""
    return np.sqrt(np.maximum(X, 0.0))
