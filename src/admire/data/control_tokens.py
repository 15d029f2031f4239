"""Tokenises conversations whose contents mention control tokens. A mention, say `<|end|>` in a question about templates, stays
plain text; only the control tokens that the chat template itself writes become control tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from admire.data.chat_template import ChatTemplate, Rendered
from admire.data.conversation import Conversation
from admire.data.left_out import LeftOut

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer
    from transformers import PreTrainedTokenizerBase

# Unicode leaves both ranges to private use. A mention is covered by a placeholder that no text of the row has. In the text to be
# tokenised, a control token of the template is replaced by an alias, which is a character from ALIASES on.
PLACEHOLDERS = range(0xE000, 0xF8FF)
BRACKETED = re.compile(r"\s*[<\[({|].+[>\])}|]\s*\Z", re.DOTALL)
ALIASES = 0xF0000


class ControlTokens:
    """The control tokens of a tokenizer: its special tokens, and the added tokens in brackets that the chat template itself writes.

    Other added tokens (a line break, `<think>`) are ordinary words of the vocabulary, in conversations as in documents.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, template: ChatTemplate) -> None:
        self._tokenizer, self._template = tokenizer, template
        added = tokenizer.added_tokens_decoder
        special = set(tokenizer.all_special_ids) | {number for number, token in added.items() if token.special}
        bracketed = frozenset(number for number, token in added.items() if BRACKETED.match(token.content))
        examples = template.examples()
        written = {token for example in examples for token, _, _ in self._found(example.text, bracketed)}
        # A template may look for tokens in contents (`<think>`) and fail if they are covered. The second set to be tried therefore
        # has only the tokens that it writes outside of generation blocks.
        between = {
            token
            for example in examples
            for token, at, _ in self._found(example.text, bracketed)
            if example.spans and not any(low <= at < high for low, high in example.spans)
        }
        sets = [frozenset(special | written), frozenset(special | between)]
        self._sets = list(dict.fromkeys(sets))
        self._normalised = self._looked_for(added)
        contents = [added[number].content for number in sets[0] if number in added]
        self._needles = sorted({content[:2] for content in contents})
        self._pattern = re.compile("|".join(map(re.escape, sorted(contents, key=len, reverse=True))) or "(?!)")
        self._aliases: dict[tuple[int, int], str] = {}
        self._clones: dict[frozenset[int], Tokenizer] = {}

    def mentioned(self, conversation: Conversation) -> bool:
        """Whether a text in the conversation has the characters of a control token."""
        return any(self._mentions(text) for text in _texts([conversation.turns, conversation.tools]))

    def encode(self, conversation: Conversation, rendered: Rendered) -> tuple[list[int], Encoding] | LeftOut:
        """The tokens of a conversation that mentions control tokens, with an encoding that has their places in the text; or the
        reason why the mentions cannot be kept as text."""
        for control in self._sets:
            own = self._of_the_template(conversation, rendered, control)
            if own is not None:
                return self._with_aliases(rendered.text, own, control)
        return _cannot("the template changes what is said of them")

    def _of_the_template(
        self, conversation: Conversation, rendered: Rendered, control: frozenset[int]
    ) -> list[tuple[int, int, int]] | None:
        """Token, start and end of each control token that the template wrote; None if they cannot be told from mentions.

        The conversation is rendered again with its mentions covered by a placeholder. If the two texts differ only in the
        placeholders, then all control tokens in the second one are the template's.
        """
        texts = "".join(_texts([conversation.turns, conversation.tools]))
        free = next((chr(point) for point in PLACEHOLDERS if chr(point) not in texts), None)
        if free is None:
            return None
        cover = _Cover(lambda text: self._found(text, control), free)
        masked = self._template.render(
            replace(conversation, turns=cover.of(conversation.turns), tools=cover.of(conversation.tools))
        )
        if isinstance(masked, LeftOut) or len(masked.text) != len(rendered.text) or masked.spans != rendered.spans:
            return None
        if any(a != b and a != free for a, b in zip(masked.text, rendered.text, strict=True)):
            return None
        return self._found(masked.text, control)

    def _with_aliases(
        self, text: str, own: list[tuple[int, int, int]], control: frozenset[int]
    ) -> tuple[list[int], Encoding] | LeftOut:
        """Encode a text with a copy of the tokenizer that takes control tokens for text, but knows aliases for the template's own
        ones. The aliases are as long as the tokens, so that places in the text stay the same."""
        from tokenizers import AddedToken

        clone = self._clones.setdefault(control, self._clones.get(control) or self._without(control))
        pieces, reached, numbers = [], 0, {}
        for token, start, end in own:
            alias = self._aliases.setdefault((token, end - start), chr(ALIASES + len(self._aliases)) * (end - start))
            clone.add_tokens([AddedToken(alias, normalized=False)])
            numbers[clone.token_to_id(alias)] = token
            pieces += [text[reached:start], alias]
            reached = end
        renamed = "".join([*pieces, text[reached:]])
        if sum(ord(character) >= ALIASES for character in renamed) != sum(end - start for _, start, end in own):
            return _cannot("it holds characters of Unicode's private use besides")
        encoding = clone.encode(renamed, add_special_tokens=False)
        ids = [numbers.get(token, token) for token in encoding.ids]
        # The unknown token is excluded: text outside of the vocabulary becomes that token, whoever wrote it.
        named = control - {self._tokenizer.unk_token_id}
        if sum(token in named for token in ids) != sum(token in named for token, _, _ in own):
            return _cannot("the tokenizer makes them from plain text")
        return ids, encoding

    def _without(self, control: frozenset[int]) -> Tokenizer:
        """A copy of the tokenizer that takes the characters of all control tokens for plain text."""
        from tokenizers import Tokenizer

        rules = json.loads(self._tokenizer.backend_tokenizer.to_str())
        rules["truncation"] = rules["padding"] = None
        for token in rules["added_tokens"]:
            token["special"] = token["id"] in control
        clone = Tokenizer.from_str(json.dumps(rules))
        clone.encode_special_tokens = True
        return clone

    def _found(self, text: str, control: frozenset[int]) -> list[tuple[int, int, int]]:
        """Token, start and end of each control token that the tokenizer finds in a text."""
        encoding = self._encode(text)
        return [(token, *encoding.offsets[number]) for number, token in enumerate(encoding.ids) if token in control]

    def _encode(self, text: str) -> Encoding:
        return self._tokenizer(text, add_special_tokens=False, verbose=False).encodings[0]

    def _mentions(self, text: str) -> bool:
        if any(needle in text for needle in self._needles) and self._pattern.search(text):
            return True
        if not self._normalised:
            return False
        normal = self._tokenizer.backend_tokenizer.normalizer.normalize_str(text)
        return any(content in normal for content in self._normalised)

    def _looked_for(self, added: dict[int, Any]) -> list[str]:
        """The normalised control tokens, to be looked for in normalised texts; empty if the tokenizer does not normalise."""
        normalizer = self._tokenizer.backend_tokenizer.normalizer
        contents = [added[number].content for number in self._sets[0] if number in added and added[number].normalized]
        return [normalizer.normalize_str(content) for content in contents] if normalizer is not None else []


class _Cover:
    """Replaces each character of a mention by a placeholder character."""

    def __init__(self, found: Callable[[str], list[tuple[int, int, int]]], character: str) -> None:
        self._found, self._character = found, character

    def of(self, value: Any) -> Any:
        """A JSON value in which mentions are covered in all texts and keys, except in the names of roles."""
        if isinstance(value, str):
            for _, start, end in self._found(value):
                value = value[:start] + self._character * (end - start) + value[end:]
            return value
        if isinstance(value, dict):
            return {self.of(key): inner if key == "role" else self.of(inner) for key, inner in value.items()}
        return [self.of(inner) for inner in value] if isinstance(value, list) else value


def _texts(value: Any) -> Iterator[str]:
    """The texts at any depth of a JSON value and the keys of its objects, except the names of roles."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key != "role":
                yield key
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _cannot(why: str) -> LeftOut:
    return LeftOut(
        "that speak of control tokens in a way that cannot be kept text",
        f"what it says of control tokens cannot be kept text ({why}); take the row out, or name another chat template",
    )
