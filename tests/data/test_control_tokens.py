"""Control tokens that are spoken of in a conversation stay text, whatever the tokenizer and the template are."""

import numpy as np
import pytest
from chat_examples import CONTROL, END_OF_TEXT, TEMPLATES, byte_level, pieces, words
from chat_rows import SAID, assistant_block, made, shown, talk, tokenizer, turns
from hypothesis import given, settings
from hypothesis import strategies as st

from admire.data.chats import Chats, Row
from admire.data.conversation import Conversation
from admire.data.left_out import LeftOut

FLAGS = [
    {},
    {"special": False},
    {"rstrip": True},
    {"lstrip": True},
    {"single_word": True},
    {"normalized": True},
    {"special": False, "normalized": True},
]


def own_tokens(template, talked):
    """How many control tokens the template itself writes."""
    text = "".join(text for text, _, _ in pieces(template, [turn | {"content": "a"} for turn in talked]))
    return sum(text.count(token) for token in [*CONTROL, END_OF_TEXT])


def control_of(template, flags):
    """The control tokens: special ones, and those that the template writes; others are words, as in documents."""
    return [*(CONTROL if flags.get("special", True) or template != "tulu" else CONTROL[:4]), END_OF_TEXT]


@settings(max_examples=150)
@given(st.sampled_from(sorted(TEMPLATES)), st.sampled_from(FLAGS), turns(SAID))
def test_what_is_said_of_control_tokens_is_text_whatever_the_tokens_are(template, flags, talked):
    row = made(template, talked, **flags)
    assert isinstance(row, Row)
    reader = tokenizer("byte_level", template, tuple(flags.items()))
    control = reader.convert_tokens_to_ids(control_of(template, flags))
    if "single_word" not in flags:  # such a template's own tokens are text where a letter follows them
        assert np.isin(row.input_ids, control).sum() == own_tokens(template, talked)
    if not flags:
        assert reader.decode(row.input_ids) == "".join(text for text, _, _ in pieces(template, talked))
        wanted = "".join(text for text, _, counts in pieces(template, talked) if counts)
        assert reader.decode(row.input_ids[row.mask == 1]) == wanted


@settings(max_examples=150)
@given(
    st.sampled_from(["lower_case", "metaspace", "words"]),
    st.sampled_from(sorted(TEMPLATES)),
    st.sampled_from(FLAGS),
    turns(SAID),
)
def test_any_tokenizer_gives_as_many_control_tokens_as_the_template_writes_or_a_sentence(
    maker, template, flags, talked
):
    row = made(template, talked, maker, **flags)
    if isinstance(row, LeftOut):
        assert row.sentence.count("\n") == 0
        assert "take" in row.sentence or "name" in row.sentence
        return
    control = tokenizer(maker, template, tuple(flags.items())).convert_tokens_to_ids(control_of(template, flags))
    if "single_word" not in flags:
        assert np.isin(row.input_ids, control).sum() == own_tokens(template, talked)
    assistants = [turn for turn in talked if turn["role"] == "assistant"]
    assert bool(row.mask.any()) == bool(assistants)


def test_text_about_control_tokens_is_what_the_same_text_is_in_a_document():
    said = "With <|end|>, and <|user|> begins the next; <|endoftext|> ends a text."
    row = made("shipped", talk("How does a turn end?", said))
    reader = tokenizer("byte_level", "shipped", ())
    as_text = reader(said, split_special_tokens=True, add_special_tokens=False)["input_ids"]
    assert row.input_ids[row.mask == 1].tolist() == [*as_text, reader.convert_tokens_to_ids("<|end|>")]


@pytest.mark.parametrize(
    ("said", "flags"),
    [
        ("<|END|> in capitals", {"maker": "lower_case", "normalized": True}),
        ("a tool says <|tool|>", {"special": False}),
        ("blanks   <|end|>   around", {"lstrip": True, "rstrip": True}),
    ],
)
def test_control_tokens_of_other_forms_stay_text(said, flags):
    row = made("shipped", talk("?", said), **flags)
    reader = tokenizer(
        flags.get("maker", "byte_level"), "shipped", tuple((k, v) for k, v in flags.items() if k != "maker")
    )
    found = [reader.convert_ids_to_tokens(token) for token in row.input_ids[row.mask == 1].tolist()]
    assert found.count("<|end|>") == 1
    assert found[-1] == "<|end|>"
    assert "<|tool|>" not in found


def test_a_tokenizer_that_makes_control_tokens_of_plain_text_leaves_the_row_out():
    made_of = words("shipped")
    made_of.add_tokens(["river"], special_tokens=True)  # an entry of the model too
    row = Chats(made_of, "assistant").rows([Conversation(talk("what", "a river"))])[0]
    assert isinstance(row, LeftOut)
    assert "the tokenizer makes them from plain text" in row.sentence


def test_added_tokens_that_are_words_stay_words():
    """Line breaks, blanks and words may be added tokens, too, and templates write them."""
    plain, added = byte_level("tulu"), byte_level("tulu")
    added.add_tokens(["\n", "  ", "user"])
    talked = talk("a user\nasks  it", "river\n\nstone")
    text = "".join(text for text, _, _ in pieces("tulu", talked))
    (row,) = Chats(added, "assistant").rows([Conversation(talked)])
    assert row.input_ids.tolist() == added(text, add_special_tokens=False)["input_ids"]
    assert row.input_ids.tolist() != plain(text, add_special_tokens=False)["input_ids"]


def test_an_unknown_word_beside_a_control_token_that_is_spoken_of_is_no_fault():
    row = made("shipped", talk("<|end|> nobody", "<|end|> knows river"), "words")
    assert shown("shipped", row, "words").endswith("<|assistant|>[<unk><unk><unk><unk>river<|end|>]")


def test_a_template_that_looks_for_words_of_its_own_keeps_the_rest_text():
    """`<think>` is looked for, written and a word; `<|end|>` stays text beside it, special or not."""
    thinking = assistant_block(
        "{% generation %}<think>{% if '</think>' in m.content %}{{ m.content.split('</think>')[0].split('<think>')[-1].strip() }}"
        "{% endif %}</think>{{ m.content.split('</think>')[-1] }}<|end|>{% endgeneration %}"
    )
    made_of = byte_level(thinking, special=False)
    made_of.add_tokens(["<think>", "</think>"])
    talked = talk("<|end|>?", "<think>why</think>because <|end|>")
    (row,) = Chats(made_of, "assistant").rows([Conversation(talked)])
    tokens = made_of.convert_ids_to_tokens(row.input_ids.tolist())
    assert [tokens.count(token) for token in ("<think>", "</think>", "<|end|>")] == [1, 1, 2]
    learnt = made_of.decode(row.input_ids[row.mask == 1])
    assert learnt == "<think>why</think>because <|end|><|end|>"
