"""A conversation in the tokenizer's chat template: the text, where the assistant's turns stand in it, and what the template left
out of it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from admire.data.conversation import Conversation
from admire.data.left_out import LeftOut
from admire.errors import ConfigError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

GENERATION = re.compile(r"\{%([-+]?)\s*generation\s*([-+]?)%\}")
CLOCK = re.compile(
    r"\{#.*?#\}|(\{[{%](?:(?![}%]\}).)*?\b(?:strftime_now|now\s*\(\s*\)))", re.DOTALL
)  # and comments, which read none
END = re.compile(r"\{%([-+]?)\s*endgeneration\s*([-+]?)%\}")
MANY_TOOLS = 16  # of more than these only the whole list is looked for, which keeps rows with hundreds of them quick
BEGINS, ENDS = "\ue000", "\ue001"  # of the characters that Unicode leaves to private use
NAMES_ONLY = ("id", "tool_call_id")  # a template that orders calls and answers by their places needs none of these
PLAIN = Conversation(
    [
        {"role": "user", "content": "question"},
        {"role": "assistant", "content": "answer"},
        {"role": "user", "content": "further question"},
        {"role": "assistant", "content": "further answer"},
    ]
)


class Rendered(NamedTuple):
    """A conversation as text.

    Attributes:
        text: what is tokenised.
        spans: from which to which character each generation block reaches, in the order of the text; none when the template
            marks none.
    """

    text: str
    spans: list[tuple[int, int]]


class ChatTemplate:
    """The chat template of a tokenizer.

    Args:
        loss_on: `assistant` needs a template that marks the assistant's turns.

    Raises:
        ConfigError: if there is none, it is no Jinja template, reads the clock, or does not mark what it must.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, loss_on: str) -> None:
        from jinja2 import TemplateSyntaxError

        if not tokenizer.chat_template:
            raise ConfigError(
                "tokenizer.chat_template: the tokenizer has no chat template of its own; name a Jinja file"
            )
        self._variables: dict[str, Any] = tokenizer.special_tokens_map
        try:
            self._plain, self._with_tools = tokenizer.get_chat_template(), tokenizer.get_chat_template(tools=[{}])
        except ValueError:
            raise ConfigError(
                "tokenizer.chat_template: the tokenizer has several chat templates and no default; name a Jinja file"
            ) from None
        if any(found[1] for template in (self._plain, self._with_tools) for found in CLOCK.finditer(template)):
            raise ConfigError(
                "tokenizer.chat_template: the chat template writes the date of the day (strftime_now), so that rows would depend "
                "on when they are prepared; name a Jinja file that has the date as text in its place"
            )
        self.marks = GENERATION.search(self._plain) is not None
        if loss_on == "assistant" and not self.marks:
            raise ConfigError(
                "tokenizer.chat_template: the chat template does not mark the assistant's turns by {% generation %}; "
                "name a Jinja file that does, or set training.loss_on: all"
            )
        try:
            self.example: Rendered | None = self._render(PLAIN)
        except TemplateSyntaxError as error:
            raise ConfigError(
                f"tokenizer.chat_template: line {error.lineno} is no Jinja ({error.message}); mend the template"
            ) from None
        except Exception:  # it may want other turns than these
            self.example = None
        if self.example and self.marks:
            self._check_places(self.example)

    def render(self, conversation: Conversation) -> Rendered | LeftOut:
        """The conversation as text, or why there is none."""
        try:
            return self._render(conversation)
        except Exception as error:  # a template is a program of the user's: it can fail in any way
            reason = " ".join(str(error).split()) or type(error).__name__
            return LeftOut(
                "that the chat template refuses",
                f"the chat template refuses this conversation ({reason[:200]}); "
                "mend the conversation or set tokenizer.chat_template",
            )

    def examples(self) -> list[Rendered]:
        """Texts in which all that the template writes of itself stands, for the usual roles as far as it takes them."""
        system = {"role": "system", "content": "order"}
        tool = [{"role": "tool", "content": "result"}, *PLAIN.turns[1:]]
        asked = [PLAIN, Conversation([system, *PLAIN.turns]), Conversation([*PLAIN.turns[:2], *tool])]
        return [rendered for one in asked if isinstance(rendered := self.render(one), Rendered)]

    def lost(self, conversation: Conversation, text: str) -> LeftOut | None:
        """What stands in a conversation besides roles and contents and changes nothing in its text, None where all of it does."""
        for place, key, without in _without(conversation):
            other = self.render(without)
            if isinstance(other, Rendered) and other.text == text:
                return LeftOut(
                    f"with {key} that the chat template renders to nothing",
                    f"{place}: the chat template renders {key} to nothing; name one that takes it as "
                    f"tokenizer.chat_template, or list the key in the source's ignore_keys",
                )
        return None

    def _render(self, conversation: Conversation) -> Rendered:
        from transformers.utils.chat_template_utils import render_jinja_template

        rendered: Any = render_jinja_template(  # two lists, where its type says text
            conversations=[conversation.turns],
            tools=conversation.tools,
            chat_template=self._plain if conversation.tools is None else self._with_tools,
            return_assistant_tokens_mask=self.marks,
            **self._variables,
        )
        texts, spans = rendered
        return Rendered(texts[0], sorted(spans[0]) if self.marks else [])

    def _check_places(self, example: Rendered) -> None:
        """Compare where the library says that generation blocks stand with marks that are written at their ends.

        The library's places are wrong where what a block says is written later: in a macro, a `set` or a filter.
        """
        from transformers.utils.chat_template_utils import render_jinja_template

        marked = GENERATION.sub(rf"{{%\1 if true %}}{{{{ '{BEGINS}' }}}}{{% if true \2%}}", self._plain)
        marked = END.sub(rf"{{%\1 endif %}}{{{{ '{ENDS}' }}}}{{% endif \2%}}", marked)
        try:
            rendered: Any = render_jinja_template(conversations=[PLAIN.turns], chat_template=marked, **self._variables)
        except Exception:  # nothing is known then
            return
        text = rendered[0][0]
        pieces = re.split(f"[{BEGINS}{ENDS}]", text)
        edges = list(itertools.accumulate(map(len, pieces)))[:-1]
        if "".join(pieces) == example.text and sorted(zip(edges[::2], edges[1::2], strict=False)) != example.spans:
            raise ConfigError(
                "tokenizer.chat_template: a {% generation %} block stands in a macro, a set or a filter, where what counts in "
                "the loss cannot be told; write the block outside of it"
            )


def _without(conversation: Conversation) -> Iterator[tuple[str, str, Conversation]]:
    """For each thing besides roles and contents: where it stands, its key, and the conversation without it."""
    for number, turn in enumerate(conversation.turns):
        place = f"turn {number + 1} ({turn['role']})"
        learnt = conversation.learnt is None or conversation.learnt[number]
        for key in turn:
            if key in ("role", "content", *NAMES_ONLY) or (not learnt and "reasoning" in key):
                continue
            for changed in _less(turn[key]) if key == "tool_calls" else [None]:
                other = {name: value for name, value in turn.items() if name != key}
                if changed is not None:
                    other[key] = changed
                turns = [*conversation.turns[:number], other, *conversation.turns[number + 1 :]]
                yield place, key, replace(conversation, turns=turns)
    if conversation.tools:
        yield "the row", "tools", replace(conversation, tools=None)
        for number in range(len(conversation.tools) if 1 < len(conversation.tools) <= MANY_TOOLS else 0):
            fewer = [*conversation.tools[:number], *conversation.tools[number + 1 :]]
            yield f"the row's tool {number + 1}", "tools", replace(conversation, tools=fewer)


def _less(calls: Any) -> Iterator[list[Any]]:
    """Of tool calls: without each of them, and with each of them without its arguments."""
    for number, call in enumerate(calls if isinstance(calls, list) else []):
        before, behind = calls[:number], calls[number + 1 :]
        yield [*before, *behind]
        inner = call.get("function", call) if isinstance(call, dict) else {}
        arguments = inner.get("arguments") if isinstance(inner, dict) else None
        if arguments and arguments != "{}":
            bare = inner | {"arguments": "{}" if isinstance(arguments, str) else {}}
            yield [*before, call | {"function": bare} if "function" in call else bare, *behind]
