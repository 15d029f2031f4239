"""Money: sums of costs, and what a budget buys.

Costs and budgets are decimal numbers that people write. As binary numbers their sums are off by the last bit, 0.1 + 0.2 is more
than 0.3, and a budget that is a sum of costs would buy a trial less, or one more. So sums are taken of the decimals as they were
written, and prices are compared here alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, localcontext
from typing import TypeVar, overload

import numpy as np

DIGITS = 60  # of a sum; numbers that differ by more powers of ten than this are no costs of one campaign
# Of the price: what is left may be so much smaller. Costs with more digits than a float holds were rounded when they were read.
ROUNDING = 1e-9

Price = TypeVar("Price", float, np.ndarray)


def total(amounts: Iterable[float]) -> float:
    """The sum of amounts as they are written: that of 0.1 and 0.2 is 0.3."""
    with localcontext() as context:
        context.prec = DIGITS
        return float(sum(map(_written, amounts), Decimal()))


def times(*factors: float) -> float:
    """The product of numbers as they are written: three times 0.1 is 0.3."""
    with localcontext() as context:
        context.prec = DIGITS
        product = Decimal(1)
        for factor in factors:
            product *= _written(factor)
        return float(product)


def left(budget: float, *spent: float) -> float:
    """What remains of a budget; below zero where more was spent."""
    return total([budget, *(-amount for amount in spent)])


@overload
def buys(budget: float, price: float) -> bool: ...


@overload
def buys(budget: float, price: np.ndarray) -> np.ndarray: ...


def buys(budget: float, price: float | np.ndarray) -> bool | np.ndarray:
    """Whether a budget reaches a price; elementwise for an array of prices."""
    return price * (1 - ROUNDING) <= budget


def affordable(budget: float, price: float) -> int:
    """How often a budget buys something at this price."""
    return max(int(budget / price + ROUNDING), 0)


def _written(amount: float) -> Decimal:
    """The shortest decimal number that is read as this one: what was written, up to 15 digits."""
    return Decimal(repr(float(amount)))
