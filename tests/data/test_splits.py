"""Splits follow content alone."""

from hypothesis import given
from hypothesis import strategies as st

from admire.campaign.config import HeldOut
from admire.data.splits import split_of

HELD_OUT = HeldOut(validation=0.1, test=0.2)


def test_shares_are_what_was_asked():
    found = [split_of(f"document {i}", HELD_OUT) for i in range(10_000)]
    assert abs(found.count("validation") - 1000) < 120  # four standard deviations
    assert abs(found.count("test") - 2000) < 160


@given(st.text(), st.floats(0.01, 0.4), st.floats(0.01, 0.4))
def test_a_larger_share_keeps_what_was_held_out(text, validation, test):
    before, after = HeldOut(validation=validation, test=test), HeldOut(validation=validation + 0.05, test=test + 0.05)
    if (split := split_of(text, before)) != "train":
        assert split_of(text, after) == split


def test_golden_splits_never_move():
    found = {split: [i for i in range(60) if split_of(f"document {i}", HELD_OUT) == split] for split in GOLDEN}
    assert found == GOLDEN


def test_a_conversation_is_known_by_its_turns():
    talk = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Grüß Gott"}]
    assert split_of(talk, HELD_OUT) == split_of([dict(reversed(turn.items())) for turn in talk], HELD_OUT)


GOLDEN = {"validation": [23, 31, 33, 35, 45], "test": [12, 16, 17, 21, 22, 29, 30, 40, 41, 42, 43, 48, 49, 51]}
