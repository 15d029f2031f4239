"""Conversations in a chat template: rows with a mask that is true, or a sentence."""

import re

import pytest
from chat_examples import TEMPLATES, pieces
from chat_rows import (
    CALL,
    PLAIN_SAID,
    SAID,
    TOOLS,
    USUAL,
    assistant_block,
    chats,
    made,
    shown,
    talk,
    tokenizer,
    turns,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from admire.data.chats import Row
from admire.data.conversation import Conversation
from admire.data.left_out import LeftOut


@settings(max_examples=150)
@given(st.sampled_from(sorted(TEMPLATES)), st.sampled_from([0, 1]), turns(PLAIN_SAID), st.data())
def test_a_row_is_the_text_of_its_template_and_what_is_learnt_are_the_answers(template, marks, talked, data):
    learnt = data.draw(st.lists(st.booleans(), min_size=len(talked), max_size=len(talked))) if marks else None
    row = made(template, Conversation(talked, learnt))
    assert isinstance(row, Row)
    reader = tokenizer("byte_level", template, ())
    text = "".join(text for text, _, _ in pieces(template, talked))
    assert row.input_ids.tolist() == reader(text, add_special_tokens=False)["input_ids"]
    wanted = "".join(
        text for text, number, counts in pieces(template, talked) if counts and (learnt is None or learnt[number])
    )
    assert reader.decode(row.input_ids[row.mask == 1]) == wanted


@settings(max_examples=60)
@given(st.sampled_from(sorted(TEMPLATES)), turns(SAID), st.data())
def test_with_the_loss_on_all_tokens_only_turns_that_are_marked_are_left_out(template, talked, data):
    learnt = data.draw(st.lists(st.booleans(), min_size=len(talked), max_size=len(talked)))
    row = made(template, Conversation(talked, learnt), loss_on="all")
    assert isinstance(row, Row)
    wanted = "".join(text for text, number, _ in pieces(template, talked) if learnt[number])
    found = tokenizer("byte_level", template, ()).decode(row.input_ids[row.mask == 1])
    if template == "tulu":  # it writes a line break between two turns, which the next one begins with
        found, wanted = found.replace("\n", ""), wanted.replace("\n", "")
    assert found == wanted


@pytest.mark.parametrize(
    ("template", "talked", "words_"),
    [
        (
            assistant_block(USUAL, others="{% generation %}{{ m.content }}<|end|>{% endgeneration %}"),
            talk("what", "that"),
            r"turn 1 \(user\): the chat template's generation blocks hold it",
        ),
        (
            assistant_block("{% if loop.last %}" + USUAL + "{% else %}{{ m.content }}<|end|>{% endif %}"),
            talk("a", "b", "c", "d"),
            r"turn 2 \(assistant\): the chat template marks no generation block for it",
        ),
        (
            assistant_block(
                "{{ m.content }}<|end|>", others="{% generation %}{{ m.content }}<|end|>{% endgeneration %}"
            ),
            talk("yes", "yes"),
            r"turn 1 \(user\): the chat template's generation blocks hold it",
        ),
        (
            assistant_block("{% generation %}{{ m.content }}{% endgeneration %}"),
            talk("a", "b", "c", ""),
            r"turn 4 \(assistant\): no token stands for it",
        ),
        (
            assistant_block(USUAL, others="{% if m.role != 'system' %}<|user|>{{ m.content }}<|end|>{% endif %}"),
            [{"role": "system", "content": "Be brief."}, *talk("a", "b")],
            r"turn 1 \(system\): the chat template renders its content to nothing",
        ),
        (
            assistant_block("{% generation %}{{ m.content }}{% endgeneration %}", before="", others="{{ m.content }}"),
            talk("ri", "ver stone", "lam", "p"),
            r"turn 2 \(assistant\): one token holds characters of this turn and of its neighbour",
        ),
        (assistant_block("{{ 1 // 0 }}" + USUAL), talk("a", "b"), r"the chat template refuses .*division"),
    ],
)
def test_a_mask_that_would_not_be_true_is_told_in_a_sentence(template, talked, words_):
    row = made(template, talked)
    assert isinstance(row, LeftOut)
    assert re.search(words_, row.sentence), row.sentence


def test_a_blank_that_the_tokenizer_drops_ends_no_mask_too_late():
    block = "{% generation %}{{ m.content + '\\n' }}{% endgeneration %}"
    template = assistant_block(block, others="<|user|>{{ m.content + '\\n' }}")
    row = made(template, talk("one", "river stone", "one", "stone", "one"), "words")
    assert (
        shown(template, row, "words")
        == "<|user|>one<|assistant|>[riverstone]<|user|>one<|assistant|>[stone]<|user|>one"
    )
    assert "does not learn to end its turn" in chats("words", template, ()).remark
    leading = assistant_block("{% generation %}{{ '\\n ' + m.content }}<|end|>{% endgeneration %}")
    row = made(leading, talk("one", "river", "one", "stone"), "words")
    assert shown(leading, row, "words").count("[") == 2
    assert chats("words", leading, ()).remark is None


def test_a_block_without_the_end_of_the_turn_is_remarked():
    open_ended = assistant_block("{% generation %}{{ m.content }}{% endgeneration %}<|end|>")
    assert "write the token that ends a turn into the block" in chats("byte_level", open_ended, ()).remark
    assert chats("byte_level", "shipped", ()).remark is None
    assert chats("byte_level", "tulu", ()).remark is None


def test_templates_that_take_contents_apart_are_checked_all_the_same():
    thinking = assistant_block(
        "{% generation %}{% if '</think>' in m.content %}<think>{{ m.content.split('</think>')[0].split('<think>')[-1] }}</think>"
        "{% endif %}{{ m.content.split('</think>')[-1] }}<|end|>{% endgeneration %}"
    )
    row = made(thinking, talk("a", "<think>long</think>\n\nshort", "b", "c"))
    said = "<|user|>a<|end|><|assistant|>[<think>long</think>\n\nshort<|end|>]<|user|>b<|end|><|assistant|>[c<|end|>]"
    assert shown(thinking, row) == said
    merged = (
        "{%- for m in messages -%}{%- if m.role == 'assistant' -%}{%- if loop.first or messages[loop.index0 - 1].role != "
        "'assistant' -%}<|assistant|>{% generation %}{{ m.content }}{% if not loop.last and loop.nextitem.role == 'assistant' %}"
        "{{ loop.nextitem.content }}{% endif %}<|end|>{% endgeneration %}{%- endif -%}{%- else -%}<|user|>{{ m.content }}<|end|>"
        "{%- endif -%}{%- endfor -%}"
    )
    both = [*talk("a", "b"), {"role": "assistant", "content": "c"}]
    assert shown(merged, made(merged, both)) == "<|user|>a<|end|><|assistant|>[bc<|end|>]"
    one = made(merged, Conversation(both, [True, True, False]))
    assert isinstance(one, LeftOut)
    assert "share a generation block" in one.sentence


def test_a_block_that_ends_within_what_is_said_is_told():
    halved = assistant_block("{% generation %}{{ m.content[:1] }}{% endgeneration %}{{ m.content[1:] }}<|end|>")
    assert (
        "turn 2 (assistant): the chat template's generation block ends within it"
        in made(halved, talk("a", "long")).sentence
    )


CALLED = [
    {"role": "user", "content": "time?"},
    {"role": "assistant", "content": "", "tool_calls": [CALL], "reasoning_content": "look"},
    {"role": "tool", "content": "12:00", "tool_call_id": "c1"},
    {"role": "assistant", "content": "Noon."},
]


def test_tools_calls_and_reasoning_are_rendered_and_learnt():
    row = made(TOOLS, Conversation(CALLED, tools=[{"name": "clock"}]))
    assert shown(TOOLS, row) == (
        '<|system|>[{"name": "clock"}]<|end|><|user|>time?<|end|><|assistant|>[(look)CALL clock {"zone": "UTC"}<|end|>]'
        "<|tool|>12:00<|end|><|assistant|>[Noon.<|end|>]"
    )


@pytest.mark.parametrize("loss_on", ["assistant", "all"])
def test_turns_that_are_not_to_be_learnt_do_not_count(loss_on):
    row = made("shipped", Conversation(talk("2+2?", "WRONG", "No.", "4"), [True, False, True, True]), loss_on=loss_on)
    learnt = tokenizer("byte_level", "shipped", ()).decode(row.input_ids[row.mask == 1])
    assert "WRONG" not in learnt
    assert learnt.endswith("4<|end|>")
