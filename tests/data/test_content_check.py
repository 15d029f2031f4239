"""A row holds what its turns say, or a sentence names the turn of which the chat template lost something."""

import pytest
from chat_examples import pieces
from chat_rows import CALL, PLAIN_SAID, SAID, TOOLS, USUAL, assistant_block, made, talk, tokenizer, turns
from hypothesis import given, settings
from hypothesis import strategies as st

from admire.data.chats import Row
from admire.data.conversation import Conversation
from admire.data.left_out import LeftOut

CHANGING = [
    ("|upper", 'turn 1 (user): the chat template changes its content, of which "what is the meaning'),
    ("|replace('meaning', '')", "turn 1 (user): the chat template changes its content"),
    (
        ".split('</think>')[-1]",
        'turn 2 (assistant): the chat template changes its content, of which "<think>why</think>the mean',
    ),
    ("|striptags", "turn 2 (assistant): the chat template changes its content"),
    ("[::-1]", "turn 1 (user): the chat template changes its content"),
    ("|wordwrap(8)", "turn 1 (user): the chat template changes its content"),
    ("[:10]", "turn 1 (user): the chat template renders its content to nothing"),
    ("|e", "turn 2 (assistant): the chat template changes its content"),
]


@pytest.mark.parametrize("loss_on", ["assistant", "all"])
@pytest.mark.parametrize(("change", "words_"), CHANGING)
def test_what_a_template_changes_of_a_turn_is_told_with_the_turn(change, words_, loss_on):
    said = "{{ m.content" + change + " }}<|end|>"
    template = assistant_block("{% generation %}" + said + "{% endgeneration %}", others="<|user|>" + said)
    talked = talk("what is the meaning of all this?", "<think>why</think>the meaning & its two\nlines")
    row = made(template, talked, loss_on=loss_on)
    assert isinstance(row, LeftOut)
    assert words_ in row.sentence
    assert "\n" not in row.sentence
    if change not in ("[::-1]",):
        assert isinstance(made(template, talk("1", "2"), loss_on=loss_on), Row)


@settings(max_examples=60)
@given(
    st.sampled_from([change for change, _ in CHANGING]), turns(SAID | PLAIN_SAID), st.sampled_from(["assistant", "all"])
)
def test_a_row_of_any_template_holds_what_its_turns_say(change, talked, loss_on):
    said = "{{ m.content" + change + " }}<|end|>"
    template = assistant_block("{% generation %}" + said + "{% endgeneration %}", others="<|user|>" + said)
    row = made(template, talked, loss_on=loss_on)
    if isinstance(row, Row):
        text, at = tokenizer("byte_level", template, ()).decode(row.input_ids), 0
        for turn in talked:
            at = text.find(turn["content"].strip(), at) + len(turn["content"].strip())
            assert at >= len(turn["content"].strip())


BOILERPLATE = "<|system|>You are Qwen, a helpful user of A.<|end|>"


@pytest.mark.parametrize("said", ["You are Qwen", "A", "user", "a helpful user of A."])
@pytest.mark.parametrize("loss_on", ["assistant", "all"])
def test_a_turn_that_vanishes_is_told_though_the_template_writes_its_words(said, loss_on):
    template = BOILERPLATE + assistant_block(
        USUAL, others="{% if m.role == 'user' %}<|user|>{{ m.content }}<|end|>{% endif %}"
    )
    row = made(template, [{"role": "system", "content": said}, *talk("a", "b")], loss_on=loss_on)
    assert isinstance(row, LeftOut)
    assert "turn 1 (system): the chat template renders its content to nothing" in row.sentence
    middle = [*talk("Is 2 even?", "Yes."), {"role": "critic", "content": "s"}, *talk("3?", "No.")]
    assert "turn 3 (critic)" in made(template, middle, loss_on=loss_on).sentence
    assert isinstance(made(template, talk(said, said), loss_on=loss_on), Row)


def test_rows_with_characters_of_private_use_are_what_they_are():
    talked = talk("\ue000 \ue001", "\uf8ff\U000f0000 b")
    text = "".join(text for text, _, _ in pieces("shipped", talked))
    assert tokenizer("byte_level", "shipped", ()).decode(made("shipped", talked).input_ids) == text
    called = [talked[0], {**talked[1], "reasoning_content": "\ue002"}]
    assert "(\ue002)\uf8ff\U000f0000 b<|end|>" in tokenizer("byte_level", TOOLS, ()).decode(
        made(TOOLS, called).input_ids
    )


@pytest.mark.parametrize(
    ("template", "extra", "words_"),
    [
        ("shipped", {"tool_calls": [CALL]}, "turn 2 (assistant): the chat template renders tool_calls to nothing"),
        ("shipped", {"reasoning_content": "look"}, "turn 2 (assistant): the chat template renders reasoning_content"),
        ("shipped", {"name": "Ada"}, "turn 2 (assistant): the chat template renders name to nothing"),
        (
            TOOLS.replace("{{ c.function.arguments | tojson }}", ""),
            {"tool_calls": [CALL]},
            "turn 2 (assistant): the chat template renders tool_calls to nothing",
        ),
        (
            TOOLS.replace("m.tool_calls or []", "(m.tool_calls or [])[:1]"),
            {"tool_calls": [CALL, CALL | {"function": {"name": "date", "arguments": {}}}]},
            "turn 2 (assistant): the chat template renders tool_calls to nothing",
        ),
    ],
)
def test_what_a_template_renders_to_nothing_is_told_with_turn_and_key(template, extra, words_):
    talked = talk("a", "b", "c", "d")
    talked[1] |= extra
    row = made(template, talked)
    assert isinstance(row, LeftOut)
    assert words_ in row.sentence
    assert "ignore_keys" in row.sentence


def test_tools_that_a_template_renders_to_nothing_are_told():
    row = made("shipped", Conversation(talk("a", "b"), tools=[{"name": "clock"}]))
    assert "the row: the chat template renders tools to nothing" in row.sentence
    first = TOOLS.replace("{{ tools | tojson }}", "{{ tools[0] | tojson }}")
    row = made(first, Conversation(talk("a", "b"), tools=[{"name": "clock"}, {"name": "date"}]))
    assert "the row's tool 2: the chat template renders tools to nothing" in row.sentence


def test_with_the_loss_on_all_tokens_a_turn_that_vanishes_is_told_too():
    deaf = "{% for m in messages %}{% if m.role != 'system' %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endif %}{% endfor %}"
    row = made(deaf, [{"role": "system", "content": "Be brief."}, *talk("a", "b")], loss_on="all")
    assert isinstance(row, LeftOut)
    assert "turn 1 (system): the chat template renders its content to nothing" in row.sentence
    assert made(deaf, talk("a", "b"), loss_on="all").mask.all()
