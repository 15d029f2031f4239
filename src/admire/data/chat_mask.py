"""Computes which tokens of a conversation count in the loss from the places of its turns in the text, and checks the result.

A mask is accepted if each turn to be learnt has tokens of its own that reach to the end of its generation block (the part of the
chat template between {% generation %} and {% endgeneration %}), and none of these tokens has a character of another turn.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from admire.data.chat_template import ChatTemplate, Rendered
from admire.data.content_check import Span, places
from admire.data.conversation import Conversation
from admire.data.left_out import LeftOut

if TYPE_CHECKING:
    from tokenizers import Encoding

Found = tuple[dict[int, list[Span]], list[Span]]
"""Number of a turn of the assistant -> its generation blocks; and the places of all contents that are not to be learnt."""


def assistant_mask(
    conversation: Conversation, rendered: Rendered, encoding: Encoding, template: ChatTemplate
) -> np.ndarray | LeftOut:
    """The mask for `loss_on: assistant`: n values (int8), one per token, 1 in the assistant's turns that are to be learnt; or the
    reason why the row cannot be used."""
    usual = _in_order(conversation, rendered)
    mask = usual and _mask(conversation, rendered, encoding, usual)
    if isinstance(mask, np.ndarray):
        return mask
    found = _marked(conversation, rendered, template)
    return found if isinstance(found, LeftOut) else _mask(conversation, rendered, encoding, found)


def _mask(conversation: Conversation, rendered: Rendered, encoding: Encoding, found: Found) -> np.ndarray | LeftOut:
    spans, others = found
    mask = np.zeros(len(encoding.ids), np.int8)
    for number, blocks in spans.items():
        if not _learnt(conversation, number):
            continue
        place = f"turn {number + 1} ({conversation.turns[number]['role']})"
        for low, high in blocks:
            run = tokens_between(encoding, low, high)
            if run is None:
                return _untrue(f"{place}: no token stands for it, so there is nothing to learn")
            start, end = _characters(encoding, run[0]), _characters(encoding, run[1] - 1)
            if rendered.text[end[1] : high].strip():
                return _untrue(f"{place}: the tokenizer drops the end of the turn")
            if any(a < end[1] and start[0] < b for a, b in others):
                return _untrue(f"{place}: one token holds characters of this turn and of its neighbour")
            mask[run[0] : run[1]] = 1
    return mask


def whole_mask(
    conversation: Conversation, rendered: Rendered, encoding: Encoding, template: ChatTemplate
) -> np.ndarray | LeftOut:
    """The mask for `loss_on: all`: n values (int8), one per token, 0 only in turns that are not to be learnt, with their headers;
    or the reason why the row cannot be used."""
    mask = np.ones(len(encoding.ids), np.int8)
    for number, learnt in enumerate(conversation.learnt or ()):
        if learnt:
            continue
        borders = [_border(conversation, rendered.text, n, template) for n in (number, number + 1)]
        low, high = (-1 if border is None else border for border in borders)
        said = conversation.turns[number]["content"].strip()
        if not 0 <= low < high or said not in rendered.text[low:high]:
            role = conversation.turns[number]["role"]
            return _untrue(
                f"turn {number + 1} ({role}): its beginning and end in the chat template's text cannot be found"
            )
        run = tokens_between(encoding, low, high)
        if run is not None:
            mask[run[0] : run[1]] = 0
    return mask


def tokens_between(encoding: Encoding, low: int, high: int) -> Span | None:
    """The range of tokens that have one of the characters `low`, ..., `high - 1`: the first token, and the last plus one. None if
    no token has one of them.

    Blanks that a tokenizer drops belong to no token, and one character may be spread over several tokens.
    """
    first = next((token for at in range(low, high) if (token := encoding.char_to_token(at)) is not None), None)
    if first is None:
        return None
    last = next(token for at in range(high - 1, low - 1, -1) if (token := encoding.char_to_token(at)) is not None)
    # A token before that ends inside the range has no character of its own; tokenizers make such tokens for blanks.
    while first and low < _characters(encoding, first - 1)[1] <= high:
        first -= 1
    while last + 1 < len(encoding.ids) and _reaches_into(_characters(encoding, last + 1), low, high):
        last += 1
    return first, last + 1


def _characters(encoding: Encoding, token: int) -> Span:
    """The range of characters that a token stands for.

    Raises:
        ValueError: if the tokenizer gives none, which does not happen for tokens of a text.
    """
    found = encoding.token_to_chars(token)
    if found is None:
        raise ValueError(f"the tokenizer does not say of which characters token {token} is made")
    return found


def _reaches_into(token: Span, low: int, high: int) -> bool:
    start, end = token
    return low < end <= high if start == end else start < high and low < end


def _in_order(conversation: Conversation, rendered: Rendered) -> Found | None:
    """The places of turns in the usual case: one generation block per turn of the assistant, with its content inside, and the
    contents of other turns between the blocks, all in order. None if the text is different.
    """
    text, spans = rendered
    cursor, block = 0, 0
    contents: list[Span] = []
    blocks: dict[int, list[Span]] = {}
    for number, turn in enumerate(conversation.turns):
        said = turn["content"].strip()
        if turn["role"] == "assistant":
            if block == len(spans) or spans[block][0] < cursor:
                return None
            blocks[number] = [spans[block]]
            at = text.find(said, *spans[block])
            cursor = spans[block][1]
            block += 1
        else:
            at = text.find(said, cursor, spans[block][0] if block < len(spans) else len(text))
            cursor = at + len(said)
        if at < 0:
            return None
        contents.append((at, at + len(said)))
    if block != len(spans):
        return None
    silent = [
        span for n, span in enumerate(contents) if span[0] < span[1] and not (n in blocks and _learnt(conversation, n))
    ]
    return blocks, silent


def _marked(conversation: Conversation, rendered: Rendered, template: ChatTemplate) -> Found | LeftOut:
    """The places of turns in any other case, found by rendering the conversation again with a mark in each turn."""
    stand = places(conversation, rendered, template)
    if isinstance(stand, LeftOut):
        return stand
    blocks: dict[int, list[Span]] = {}
    turns = conversation.turns
    for low, high in rendered.spans:
        inside = [number for number, (at, _) in stand.items() if low <= at < high]
        for number in inside:
            if turns[number]["role"] != "assistant" and turns[number]["role"] in OTHERS:
                return _untrue(
                    f"turn {number + 1} ({turns[number]['role']}): the chat template's generation blocks hold it, "
                    "which the assistant did not say",
                )
        if len(inside) > 1 and len({_learnt(conversation, number) for number in inside}) > 1:
            return _untrue(f"turn {inside[0] + 1} and the next share a generation block, and one is not learnt")
        owner = inside[0] if inside else _owner(turns, stand, low, blocks)
        if owner is None:
            return _untrue("a generation block of the chat template holds no turn of the assistant")
        blocks.setdefault(owner, []).append((low, high))
        for number in inside[1:]:
            blocks.setdefault(number, [(low, high)])
    for number, turn in enumerate(turns):
        if number in blocks and number in stand and stand[number][1] > max(high for _, high in blocks[number]):
            return _untrue(f"turn {number + 1} ({turn['role']}): the chat template's generation block ends within it")
        if turn["role"] == "assistant" and number not in blocks and _learnt(conversation, number):
            return _untrue(f"turn {number + 1} (assistant): the chat template marks no generation block for it")
    return blocks, [span for n, span in stand.items() if not (n in blocks and _learnt(conversation, n))]


OTHERS = ("user", "human", "system", "developer", "tool", "function", "ipython", "environment", "observation")


def _learnt(conversation: Conversation, number: int) -> bool:
    return conversation.learnt is None or conversation.learnt[number]


def _owner(turns: list[dict], stand: dict[int, Span], low: int, blocks: dict[int, list[Span]]) -> int | None:
    """The turn that a generation block without content belongs to: an assistant's turn there with empty content, or else the
    assistant's turn directly behind or before the block. None if there is no such turn."""
    before = max((number for number, (at, _) in stand.items() if at < low), default=-1)
    behind = min((number for number, (at, _) in stand.items() if at > low), default=len(turns))
    silent = [n for n in range(before + 1, behind) if turns[n]["role"] == "assistant" and n not in blocks]
    near = [n for n in (behind, before) if 0 <= n < len(turns) and turns[n]["role"] == "assistant"]
    return next(iter([*silent, *near]), None)


def _border(conversation: Conversation, text: str, number: int, template: ChatTemplate) -> int | None:
    """The character at which turn `number` begins: as far as the text equals that of the turns before it, rendered alone. None if
    the template refuses these turns."""
    if number == 0:
        return 0
    if number == len(conversation.turns):
        return len(text)
    alone = template.render(replace(conversation, turns=conversation.turns[:number]))
    if isinstance(alone, LeftOut):
        return None
    pairs = zip(alone.text, text, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(alone.text), len(text)))


def _untrue(sentence: str) -> LeftOut:
    return LeftOut(
        "whose mask would not be true",
        f"{sentence}; name another chat template as tokenizer.chat_template, or take the row out",
    )
