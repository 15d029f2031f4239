"""Whatever decimals people write: a budget that is a sum of costs buys exactly these, and never one more."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from admire.space import money
from admire.space.fidelities import Fidelities

decimals = st.builds(lambda digits, places: Fraction(digits, 10**places), st.integers(1, 9999), st.integers(0, 12))


@given(decimals, st.integers(1, 2000))
def test_a_budget_buys_as_often_as_it_was_multiplied(price, n):
    budget, cost = float(n * price), float(price)
    assert money.affordable(budget, cost) == n
    assert money.times(n, cost) == budget
    assert money.affordable(float(n * price - price / 1000), cost) == n - 1


@given(st.lists(decimals, min_size=1, max_size=40), st.randoms())
def test_a_sum_is_spent_to_the_last_price_in_any_order(prices, random):
    budget = float(sum(prices))
    costs = [float(price) for price in random.sample(prices, len(prices))]
    assert money.total(costs) == budget
    for cost in costs:
        assert money.buys(budget, cost)
        budget = money.left(budget, cost)
    # a budget of more digits than a float has is off by its own last bit
    assert abs(budget) <= 1e-15 * float(sum(prices)) and not money.buys(budget, min(costs))


@given(decimals, st.sampled_from([0.05, 0.1, 0.125, 0.2, 0.3, 0.333]), st.sampled_from([0.0, 0.05, 0.1, 0.3]))
def test_what_goes_on_costs_the_difference_to_the_last_digit(price, share, fixed):
    whole, kept = float(price), money.times(0.8, money.left(1, fixed))
    early = money.times(whole, money.total([fixed, money.times(money.left(1, fixed), share)]))
    levels = Fidelities(("S @", "S"), (early, whole), 1, (share, 1.0), (0, 0), kept)
    exact = price - Fraction(8, 10) * (1 - Fraction(str(fixed))) * Fraction(str(share)) * price
    assert levels.price(1, share) == float(exact)
    assert money.buys(money.left(money.total([early, float(exact)]), early), levels.price(1, share))


def test_prices_are_compared_one_by_one():
    assert money.buys(0.3, np.array([0.1 + 0.2, 0.3001, 0.3])).tolist() == [True, False, True]
