"""Conversations in a chat template: rows with a mask that is true, or a sentence; control tokens that are spoken of stay text."""

import re
from functools import cache

import numpy as np
import pytest
from chat_examples import CONTROL, END_OF_TEXT, TEMPLATES, byte_level, lower_case, metaspace, pieces, words
from hypothesis import given, settings
from hypothesis import strategies as st
from small_campaign import campaign, talks, write_jsonl

from admire.data.chats import Chats, Row
from admire.data.conversation import Conversation
from admire.data.left_out import LeftOut
from admire.data.prepared_source import prepare_source
from admire.errors import AdmireError, ConfigError

MAKERS = {"byte_level": byte_level, "lower_case": lower_case, "metaspace": metaspace, "words": words}
FLAGS = [
    {},
    {"special": False},
    {"rstrip": True},
    {"lstrip": True},
    {"single_word": True},
    {"normalized": True},
    {"special": False, "normalized": True},
]
WORDS = st.sampled_from(
    [
        *CONTROL,
        END_OF_TEXT,
        "river",
        "stone one",
        "größer",
        "🦊",
        " ",
        "\n",
        "\t\n",
        "<",
        "|>",
        "x",
        "<|END|>",
        "user",
        "''",
    ]
)
SAID = st.lists(WORDS, max_size=6).map("".join)
PLAIN_SAID = st.text("abcdefgh äß🦊\n<|>.", max_size=20)


def talk(*said, roles=("user", "assistant")):
    return [{"role": roles[n % len(roles)], "content": content} for n, content in enumerate(said)]


def turns(said):
    roles = st.sampled_from(["user", "assistant", "assistant", "system", "tool"])
    return st.lists(st.fixed_dictionaries({"role": roles, "content": said}), min_size=1, max_size=6)


@cache
def tokenizer(maker, template, flags):
    return MAKERS[maker](template, **dict(flags))


@cache
def chats(maker, template, flags, loss_on="assistant"):
    return Chats(tokenizer(maker, template, flags), loss_on)


def made(template, conversation, maker="byte_level", loss_on="assistant", **flags):
    if not isinstance(conversation, Conversation):
        conversation = Conversation(conversation)
    (row,) = chats(maker, template, tuple(flags.items()), loss_on).rows([conversation])
    return row


def shown(template, row, maker="byte_level", **flags):
    """The row as text, runs that are learnt in brackets."""
    reader, out, before = tokenizer(maker, template, tuple(flags.items())), [], 0
    for token, learnt in zip(row.input_ids.tolist(), row.mask.tolist(), strict=True):
        out.append("[" * (learnt > before) + "]" * (learnt < before))
        before = learnt
        out.append(reader.decode([token]))
    return "".join(out) + "]" * before


def own_tokens(template, talked):
    """How many control tokens the template itself writes."""
    text = "".join(text for text, _, _ in pieces(template, [turn | {"content": "a"} for turn in talked]))
    return sum(text.count(token) for token in [*CONTROL, END_OF_TEXT])


def control_of(template, flags):
    """The control tokens: special ones, and those that the template writes; others are words, as in documents."""
    return [*(CONTROL if flags.get("special", True) or template != "tulu" else CONTROL[:4]), END_OF_TEXT]


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


def assistant_block(block, before="<|assistant|>", others="<|{{ m.role }}|>{{ m.content }}<|end|>"):
    """A template with `block` for the assistant's turns."""
    return (
        "{%- for m in messages -%}{%- if m.role == 'assistant' -%}"
        + before
        + block
        + "{%- else -%}"
        + others
        + "{%- endif -%}{%- endfor -%}"
    )


USUAL = "{% generation %}{{ m.content }}<|end|>{% endgeneration %}"


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


def test_blocks_whose_place_cannot_be_told_are_refused():
    macro = (
        "{%- macro say(m) -%}A:{% generation %}{{ m.content }}<|end|>{% endgeneration %}{%- endmacro -%}"
        + assistant_block("{{ say(m) }}", before="")
    )
    with pytest.raises(ConfigError, match="stands in a macro, a set or a filter"):
        chats("byte_level", macro, ())
    with pytest.raises(ConfigError, match="line 1 is no Jinja"):
        chats("byte_level", "{% for %}{% generation %}", ())


@pytest.mark.parametrize(
    "clock",
    [
        "{{ strftime_now('%d %b %Y') }}",
        "{%- set date = strftime_now('%Y') if strftime_now is defined else '2024' -%}{{ date }}",
        "{% if not date_string is defined %}\n{%- set f = strftime_now -%}{% endif %}{{ f('%s') }}",
        "{# the day #}{{- 'Today: ' + now().isoformat() -}}",
    ],
)
@pytest.mark.parametrize("loss_on", ["assistant", "all"])
def test_a_template_that_reads_the_clock_is_refused(clock, loss_on):
    with pytest.raises(
        ConfigError, match=r"tokenizer\.chat_template: .*depend on when they are prepared; name .* as text"
    ):
        chats("byte_level", clock + assistant_block(USUAL), (), loss_on)


def test_a_template_that_only_speaks_of_the_clock_is_taken():
    quiet = "{# no strftime_now here: {{ now() }} #}It is now (noon). " + assistant_block(USUAL)
    assert isinstance(made(quiet, talk("strftime_now", "{{ now() }}")), Row)


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


def test_a_block_that_ends_within_what_is_said_is_told():
    halved = assistant_block("{% generation %}{{ m.content[:1] }}{% endgeneration %}{{ m.content[1:] }}<|end|>")
    assert (
        "turn 2 (assistant): the chat template's generation block ends within it"
        in made(halved, talk("a", "long")).sentence
    )


TOOLS = (
    "{%- if tools -%}<|system|>{{ tools | tojson }}<|end|>{%- endif -%}"
    + "{%- for m in messages -%}{%- if m.role == 'assistant' -%}<|assistant|>{% generation %}"
    + "{% if m.reasoning_content %}({{ m.reasoning_content }}){% endif %}{{ m.content }}"
    + "{% for c in m.tool_calls or [] %}CALL {{ c.function.name }} {{ c.function.arguments | tojson }}{% endfor %}"
    + "<|end|>{% endgeneration %}{%- else -%}<|{{ m.role }}|>{{ m.content }}<|end|>{%- endif -%}{%- endfor -%}"
)
CALL = {"type": "function", "id": "c1", "function": {"name": "clock", "arguments": {"zone": "UTC"}}}
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


@pytest.mark.parametrize("loss_on", ["assistant", "all"])
def test_turns_that_are_not_to_be_learnt_do_not_count(loss_on):
    row = made("shipped", Conversation(talk("2+2?", "WRONG", "No.", "4"), [True, False, True, True]), loss_on=loss_on)
    learnt = tokenizer("byte_level", "shipped", ()).decode(row.input_ids[row.mask == 1])
    assert "WRONG" not in learnt
    assert learnt.endswith("4<|end|>")


def test_with_the_loss_on_all_tokens_a_turn_that_vanishes_is_told_too():
    deaf = "{% for m in messages %}{% if m.role != 'system' %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endif %}{% endfor %}"
    row = made(deaf, [{"role": "system", "content": "Be brief."}, *talk("a", "b")], loss_on="all")
    assert isinstance(row, LeftOut)
    assert "turn 1 (system): the chat template renders its content to nothing" in row.sentence
    assert made(deaf, talk("a", "b"), loss_on="all").mask.all()


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


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("{{ nothing.more }}", "'nothing' is undefined"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ raise_exception('roles\\nmust alternate') }}", "roles must alternate"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "unsafe"),
        ("{{ messages.append(1) }}", "unsafe"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "recursion"),
        ("{% include '/etc/passwd' %}", "no loader"),
        ("{{ 'x' | nothere }}", "No filter named 'nothere'"),
    ],
)
def test_a_template_that_fails_ends_a_preparation_in_one_sentence(tmp_path, tokenizer_path, bad, words):
    (tmp_path / "t.jinja").write_text(
        "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}" + bad
    )
    rows = write_jsonl(tmp_path / "rows.jsonl", [{"messages": turns} for turns in talks()])
    sources = {name: {"files": rows, "column": "messages"} for name in ("mine", "other")}
    told = {"path": tokenizer_path, "chat_template": str(tmp_path / "t.jinja")}
    with pytest.raises(
        AdmireError, match=rf"{words}.*tokenizer\.chat_template|tokenizer\.chat_template.*{words}"
    ) as said:
        prepare_source(campaign(tmp_path / "results", sources, kind="sft", tokenizer=told), "mine")
    assert "\n" not in str(said.value)
