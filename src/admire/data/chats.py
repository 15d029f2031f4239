"""Conversations to rows: rendered with the chat template, tokenised, and given a checked mask of the tokens to learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from admire.data.chat_mask import assistant_mask, tokens_between, whole_mask
from admire.data.chat_template import PLAIN, ChatTemplate, Rendered
from admire.data.content_check import ContentCheck
from admire.data.control_tokens import ControlTokens
from admire.data.conversation import Conversation
from admire.data.left_out import LeftOut

if TYPE_CHECKING:
    from tokenizers import Encoding
    from transformers import PreTrainedTokenizerBase

NO_END = (
    "nothing in the chat template's {% generation %} block follows what the assistant says, so that a model does not learn to end "
    "its turn; write the token that ends a turn into the block, unless that is meant"
)


class Row(NamedTuple):
    """A conversation as tokens.

    Attributes:
        input_ids: its tokens (int32).
        mask: 1 where a token counts in the loss, as long as `input_ids` (int8).
    """

    input_ids: np.ndarray
    mask: np.ndarray


class Chats:
    """Makes rows from conversations.

    Args:
        loss_on: `assistant` or `all`: the turns that count in the loss.

    Raises:
        ConfigError: if the tokenizer has no chat template that can be used.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, loss_on: str) -> None:
        self._tokenizer, self._loss_on = tokenizer, loss_on
        self._template = ChatTemplate(tokenizer, loss_on)
        self._content_check = ContentCheck(self._template)
        self._control = ControlTokens(tokenizer, self._template)
        self.remark = self._remark()
        """A warning about the chat template for the user; None if there is none."""

    def rows(self, conversations: list[Conversation]) -> list[Row | LeftOut]:
        """For each conversation its row, or the reason why it cannot be used."""
        found: dict[int, Row | LeftOut] = {}
        usual: list[tuple[int, Rendered]] = []
        for number, conversation in enumerate(conversations):
            rendered = self._template.render(conversation)
            if isinstance(rendered, LeftOut):
                found[number] = rendered
                continue
            lost = None
            if conversation.tools or any(len(turn) > 2 for turn in conversation.turns):
                lost = self._template.lost(conversation, rendered.text)
            lost = lost or self._content_check.missing(conversation, rendered)
            if lost:
                found[number] = lost
            elif self._control.mentioned(conversation):
                found[number] = self._with_mentions(conversation, rendered)
            else:
                usual.append((number, rendered))
        if usual:
            texts = [rendered.text for _, rendered in usual]
            encodings = self._encodings(texts)
            for (number, rendered), encoding in zip(usual, encodings, strict=True):
                found[number] = self._row(conversations[number], rendered, encoding.ids, encoding)
        return [found[number] for number in range(len(conversations))]

    def _remark(self) -> str | None:
        example = self._template.example
        if self._loss_on != "assistant" or example is None or not example.spans:
            return None
        (encoding,), (low, high) = self._encodings([example.text]), example.spans[-1]
        said = example.text.rfind(PLAIN.turns[-1]["content"], low, high) + len(PLAIN.turns[-1]["content"])
        return NO_END if said > low and tokens_between(encoding, said, high) is None else None

    def _with_mentions(self, conversation: Conversation, rendered: Rendered) -> Row | LeftOut:
        encoded = self._control.encode(conversation, rendered)
        return encoded if isinstance(encoded, LeftOut) else self._row(conversation, rendered, *encoded)

    def _row(self, conversation: Conversation, rendered: Rendered, ids: list[int], encoding: Encoding) -> Row | LeftOut:
        make = assistant_mask if self._loss_on == "assistant" else whole_mask
        mask = make(conversation, rendered, encoding, self._template)
        return mask if isinstance(mask, LeftOut) else Row(np.array(ids, np.int32), mask)

    def _encodings(self, texts: list[str]) -> list[Encoding]:
        return self._tokenizer(
            texts, add_special_tokens=False, return_attention_mask=False, return_token_type_ids=False, verbose=False
        ).encodings


def why_nothing_is_learnt(conversation: Conversation, row: Row, place: str) -> LeftOut:
    """The reason why a conversation, cut to the length of a row, has no token that counts in the loss."""
    if row.mask.any():
        return LeftOut("behind_the_cut", place)
    if conversation.learnt and not all(conversation.learnt):
        return LeftOut("nothing_learnt", place)
    roles = ", ".join(dict.fromkeys(turn["role"] for turn in conversation.turns))
    return LeftOut("without_assistant", f"{place}, its turns are of {roles}")
