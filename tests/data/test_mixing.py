"""Mixing: exact counts, epochs, nested prefixes, one stable order, the same bytes everywhere."""

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from admire.data.mixing import Drawn, mix


def split(index, drawn):
    """For each source its rows in training order."""
    ends = np.cumsum([source.available for source in drawn])
    return [index[(index >= end - source.available) & (index < end)] for source, end in zip(drawn, ends, strict=True)]


@st.composite
def mixtures(draw, epochs=3):
    k = draw(st.integers(1, 5))
    available = [draw(st.integers(1, 60)) for _ in range(k)]
    return [Drawn(f"{i:064x}", n, draw(st.integers(1, epochs * n))) for i, n in enumerate(available)]


@st.composite
def two_mixtures(draw):
    """The same sources, drawn differently, within one epoch."""
    first = draw(mixtures(epochs=1))
    return first, [Drawn(d.sha256, d.available, draw(st.integers(1, d.available))) for d in first]


@given(mixtures(), st.integers(0, 1000))
def test_every_source_gives_exactly_its_rows_and_every_row_its_epochs(drawn, seed):
    index = mix(drawn, seed)
    assert len(index) == sum(source.rows for source in drawn)
    for source, rows in zip(drawn, split(index, drawn), strict=True):
        assert len(rows) == source.rows
        times = np.unique(rows, return_counts=True)[1]
        whole, rest = divmod(source.rows, source.available)
        assert sorted(times) == ([whole] * (source.available - rest) if whole else []) + [whole + 1] * rest


@given(two_mixtures(), st.integers(0, 1000))
def test_the_smaller_draw_is_part_of_the_larger(both, seed):
    first, second = both
    for one, other in zip(split(mix(first, seed), first), split(mix(second, seed), second), strict=True):
        small, large = sorted((set(one), set(other)), key=len)
        assert small <= large


@given(two_mixtures(), st.integers(0, 1000))
def test_what_two_mixtures_share_comes_in_the_same_order(both, seed):
    one, other = (mix(drawn, seed) for drawn in both)
    shared = np.intersect1d(one, other)
    np.testing.assert_array_equal(one[np.isin(one, shared)], other[np.isin(other, shared)])


@given(mixtures(epochs=1), st.integers(0, 1000))
def test_a_further_epoch_changes_neither_the_subset_nor_the_order_of_the_first(drawn, seed):
    again = [Drawn(d.sha256, d.available, d.available + d.rows) for d in drawn]
    longer = [Drawn(d.sha256, d.available, 2 * d.available) for d in drawn]
    for one, two, source in zip(split(mix(again, seed), again), split(mix(longer, seed), longer), again, strict=True):
        extra = np.unique(one, return_counts=True)
        assert set(extra[0][extra[1] == 2]) == set(split(mix(drawn, seed), drawn)[again.index(source)])
        assert set(one) == set(two)


@given(mixtures(), st.integers(0, 1000))
def test_a_source_is_known_by_its_content_not_by_its_place(drawn, seed):
    turned = drawn[::-1]
    one, other = split(mix(drawn, seed), drawn), split(mix(turned, seed), turned)[::-1]
    for rows, same, place, moved in zip(one, other, offsets(drawn), offsets(turned)[::-1], strict=True):
        np.testing.assert_array_equal(rows - place, same - moved)


def offsets(drawn):
    return np.cumsum([0, *(source.available for source in drawn[:-1])]).astype(np.uint32)


def test_seeds_draw_different_subsets_in_different_orders():
    drawn = [Drawn("a" * 64, 1000, 100)]
    one, other = mix(drawn, 0), mix(drawn, 1)
    assert len(np.intersect1d(one, other)) < 30
    assert not (np.diff(one.astype(int)) > 0).all()


def test_sources_are_spread_over_the_whole_training():
    drawn = [Drawn("a" * 64, 5000, 1000), Drawn("b" * 64, 5000, 3000)]
    index = mix(drawn, 0)
    shares = [(part < 5000).mean() for part in np.array_split(index, 10)]
    assert 0.17 < min(shares) <= max(shares) < 0.33  # 0.25 ± 4 standard deviations of 400 draws


def test_the_same_bytes_on_any_machine():
    drawn = [Drawn("a" * 64, 1000, 300), Drawn("b" * 64, 70, 200), Drawn("c" * 64, 500_000, 1500)]
    index = mix(drawn, seed=3)
    assert index.dtype == np.dtype("<u4")
    assert hashlib.sha256(index.tobytes()).hexdigest() == GOLDEN


GOLDEN = "0ecc0bc8a4715305ddfcc1ef12e40c3eaec5141fc86f33097fd5f3fdfc38974d"
