"""Arithmetic with costs and budgets.

People write costs and budgets as decimal numbers. Sums of binary numbers are off in the last bit (0.1 + 0.2 is more than 0.3), so
a budget that equals a sum of costs could buy one trial too few or too many. So sums are computed with the decimals as written,
and this module alone compares prices with budgets.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, localcontext
from typing import TypeVar, overload

import numpy as np

DIGITS = 60  # decimal digits of a sum; costs of one campaign do not differ by more powers of ten than this
# A budget may miss a price by this fraction of the price and still buys it: reading a cost with too many digits rounds it.
ROUNDING = 1e-9

Price = TypeVar("Price", float, np.ndarray)


def total(amounts: Iterable[float]) -> float:
    """The sum of amounts as decimals, so that 0.1 and 0.2 make 0.3."""
    with localcontext() as context:
        context.prec = DIGITS
        return float(sum(map(_written, amounts), Decimal()))


def times(*factors: float) -> float:
    """The product of numbers as decimals, so that 3 times 0.1 makes 0.3."""
    with localcontext() as context:
        context.prec = DIGITS
        product = Decimal(1)
        for factor in factors:
            product *= _written(factor)
        return float(product)


def left(budget: float, *spent: float) -> float:
    """The rest of a budget after amounts were spent; negative if it was exceeded."""
    return total([budget, *(-amount for amount in spent)])


@overload
def buys(budget: float, price: float) -> bool: ...


@overload
def buys(budget: float, price: np.ndarray) -> np.ndarray: ...


def buys(budget: float, price: float | np.ndarray) -> bool | np.ndarray:
    """Whether a budget suffices for a price; elementwise for an array of prices."""
    return price * (1 - ROUNDING) <= budget


def affordable(budget: float, price: float) -> int:
    """How many trials at this price a budget buys."""
    return max(int(budget / price + ROUNDING), 0)


def _written(amount: float) -> Decimal:
    """The shortest decimal that reads as this float, which is the number as it was written if that had at most 15 digits."""
    return Decimal(repr(float(amount)))
