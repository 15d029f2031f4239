"""Conversations, and the rows that a chat template and a tokenizer make of them."""

from functools import cache

from chat_examples import CONTROL, END_OF_TEXT, byte_level, lower_case, metaspace, words
from hypothesis import strategies as st

from admire.data.chats import Chats
from admire.data.conversation import Conversation

MAKERS = {"byte_level": byte_level, "lower_case": lower_case, "metaspace": metaspace, "words": words}

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

TOOLS = (
    "{%- if tools -%}<|system|>{{ tools | tojson }}<|end|>{%- endif -%}"
    + "{%- for m in messages -%}{%- if m.role == 'assistant' -%}<|assistant|>{% generation %}"
    + "{% if m.reasoning_content %}({{ m.reasoning_content }}){% endif %}{{ m.content }}"
    + "{% for c in m.tool_calls or [] %}CALL {{ c.function.name }} {{ c.function.arguments | tojson }}{% endfor %}"
    + "<|end|>{% endgeneration %}{%- else -%}<|{{ m.role }}|>{{ m.content }}<|end|>{%- endif -%}{%- endfor -%}"
)

CALL = {"type": "function", "id": "c1", "function": {"name": "clock", "arguments": {"zone": "UTC"}}}
