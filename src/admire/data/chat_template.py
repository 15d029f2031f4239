"""Renders a conversation with the tokenizer's chat template: gives the text and the places of the assistant's turns in it, and
finds the parts of the conversation that the template leaves out.
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
# Comments are matched first, without a group, because a comment that mentions a clock does not read it.
CLOCK = re.compile(r"\{#.*?#\}|(\{[{%](?:(?![}%]\}).)*?\b(?:strftime_now|now\s*\(\s*\)))", re.DOTALL)
END = re.compile(r"\{%([-+]?)\s*endgeneration\s*([-+]?)%\}")
MANY_TOOLS = 16  # More tools than these are checked only as a whole list: hundreds of renderings per row would be slow.
BEGINS, ENDS = "\ue000", "\ue001"  # Unicode leaves these characters to private use, so no text should have them.
NAMES_ONLY = ("id", "tool_call_id")  # A template may leave these out: calls and answers are matched by their order too.
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
        text: the text that is tokenised.
        spans: the range of characters of each generation block, in the order of the text; empty if the template marks none.
    """

    text: str
    spans: list[tuple[int, int]]


class ChatTemplate:
    """The chat template of a tokenizer.

    Args:
        loss_on: `assistant` or `all`; `assistant` needs a template that marks the assistant's turns.

    Raises:
        ConfigError: if there is no template, or it is not valid Jinja, reads the clock, or lacks the marks that `loss_on` needs.
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
                f"tokenizer.chat_template: line {error.lineno} is no Jinja ({error.message}); correct the template"
            ) from None
        except Exception:  # The template may refuse these turns, say because it demands a system prompt.
            self.example = None
        if self.example and self.marks:
            self._check_places(self.example)

    def render(self, conversation: Conversation) -> Rendered | LeftOut:
        """The conversation as text, or the reason why it cannot be rendered."""
        try:
            return self._render(conversation)
        except Exception as error:  # A template is a program that the user wrote, so it can fail in any way.
            reason = " ".join(str(error).split()) or type(error).__name__
            return LeftOut(
                "that the chat template refuses",
                f"the chat template refuses this conversation ({reason[:200]}); "
                "correct the conversation or set tokenizer.chat_template",
            )

    def examples(self) -> list[Rendered]:
        """Rendered example conversations. Together they have everything that the template itself writes for the usual roles, as far
        as it accepts these roles."""
        system = {"role": "system", "content": "order"}
        tool = [{"role": "tool", "content": "result"}, *PLAIN.turns[1:]]
        asked = [PLAIN, Conversation([system, *PLAIN.turns]), Conversation([*PLAIN.turns[:2], *tool])]
        return [rendered for one in asked if isinstance(rendered := self.render(one), Rendered)]

    def lost(self, conversation: Conversation, text: str) -> LeftOut | None:
        """Find a part besides roles and contents (tools, tool calls, reasoning, names) that the template ignores: the conversation
        without it gives the same text. None if every part has an effect."""
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

        rendered: Any = render_jinja_template(  # It returns two lists, although it is annotated as returning text.
            conversations=[conversation.turns],
            tools=conversation.tools,
            chat_template=self._plain if conversation.tools is None else self._with_tools,
            return_assistant_tokens_mask=self.marks,
            **self._variables,
        )
        texts, spans = rendered
        return Rendered(texts[0], sorted(spans[0]) if self.marks else [])

    def _check_places(self, example: Rendered) -> None:
        """Compare the places that the library reports for generation blocks with marks that are rendered at the blocks' ends.

        The library's places are wrong if a block's text is output later than it is rendered: in a macro, a `set` or a filter.

        Raises:
            ConfigError: if the places differ.
        """
        from transformers.utils.chat_template_utils import render_jinja_template

        marked = GENERATION.sub(rf"{{%\1 if true %}}{{{{ '{BEGINS}' }}}}{{% if true \2%}}", self._plain)
        marked = END.sub(rf"{{%\1 endif %}}{{{{ '{ENDS}' }}}}{{% endif \2%}}", marked)
        try:
            rendered: Any = render_jinja_template(conversations=[PLAIN.turns], chat_template=marked, **self._variables)
        except Exception:  # The marks may break the template. Then nothing can be compared.
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
    """For each part besides roles and contents: its place, its key, and the conversation without it."""
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
    """Variants of a list of tool calls: without one of the calls, and with one of them without its arguments."""
    for number, call in enumerate(calls if isinstance(calls, list) else []):
        before, behind = calls[:number], calls[number + 1 :]
        yield [*before, *behind]
        inner = call.get("function", call) if isinstance(call, dict) else {}
        arguments = inner.get("arguments") if isinstance(inner, dict) else None
        if arguments and arguments != "{}":
            bare = inner | {"arguments": "{}" if isinstance(arguments, str) else {}}
            yield [*before, call | {"function": bare} if "function" in call else bare, *behind]
