"""Splits follow content alone."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st
from small_campaign import talks

from admire.campaign.schema.sources import HeldOut
from admire.data.conversation import Conversation
from admire.data.splits import content_bytes, split_of

HELD_OUT = HeldOut(validation=0.1, test=0.2)
SIGNS = {"train": ".", "validation": "v", "test": "t"}


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
    again = [dict(reversed(turn.items())) for turn in talk]
    assert content_bytes(Conversation(talk)) == content_bytes(Conversation(again))


def test_golden_splits_of_conversations_never_move():
    """These values were computed when a conversation was a plain list of turns."""
    found = "".join(SIGNS[split_of(Conversation(talk), HeldOut(validation=0.2, test=0.2))] for talk in talks())
    assert found == "t.t.v...v.v..t...v...vt.t..v.v.tv..t..v.t.....v..t..t.v..v.."
    whole = b"\n".join(content_bytes(Conversation(talk)) for talk in talks())
    assert hashlib.sha256(whole).hexdigest() == "62fe5378367f3186b41597afae0efd21393d81c2ddb86390e5dae910ac92bc37"


def test_what_the_template_sees_tells_conversations_apart_and_what_is_learnt_does_not():
    plain = talks(1)[0]
    call = {"type": "function", "function": {"name": "clock", "arguments": {"zone": "UTC"}}}
    others = [
        Conversation([plain[0], {**plain[1], "tool_calls": [call]}]),
        Conversation([plain[0], {**plain[1], "reasoning_content": "Count on."}]),
        Conversation([{**plain[0], "name": "Ada"}, plain[1]]),
        Conversation(plain, tools=[call]),
    ]
    assert len({content_bytes(one) for one in [Conversation(plain), *others]}) == 5
    assert content_bytes(Conversation(plain, learnt=[True, False])) == content_bytes(Conversation(plain))


GOLDEN = {"validation": [23, 31, 33, 35, 45], "test": [12, 16, 17, 21, 22, 29, 30, 40, 41, 42, 43, 48, 49, 51]}
