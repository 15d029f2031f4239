"""Documents to rows of tokens: windows of one length for pre-training, one conversation a row for fine-tuning.

Rows are handed on in batches that stay small, as flat arrays; no corpus is ever held as Python lists.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from admire.campaign.config import HeldOut
from admire.data.corpora import Conversation
from admire.data.documents import Read
from admire.data.splits import SPLITS, split_of
from admire.errors import ConfigError, SourceError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BATCH_DOCUMENTS = 256
BATCH_CHARACTERS = 1_000_000
GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")


@dataclass(frozen=True)
class Rows:
    """n tokenised rows of one split.

    Attributes:
        split: where they belong.
        input_ids: the tokens of all rows, one after the other (int32).
        lengths: n lengths.
        bytes: n numbers: UTF-8 bytes of the text that each row is scored on (int32).
        assistant_masks: fine-tuning: 1 where a token counts in the loss, as long as `input_ids` (int8).
    """

    split: str
    input_ids: np.ndarray
    lengths: np.ndarray
    bytes: np.ndarray
    assistant_masks: np.ndarray | None = None


class Placed(NamedTuple):
    """A document with the split that its content decides."""

    split: str
    read: Read


def placed(reads: Iterable[Read], held_out: HeldOut, counted: Counter[str]) -> Iterator[Placed]:
    """Give each document its split; blank texts are dropped and counted.

    Args:
        counted: `documents` and `blank` are counted here.

    Raises:
        SourceError: if a document cannot be written as UTF-8.
    """
    for read in reads:
        counted["documents"] += 1
        if isinstance(read.document, str) and not read.document.strip():
            counted["blank"] += 1
            continue
        try:
            split = split_of(read.document, held_out)
        except UnicodeEncodeError:
            raise SourceError(
                f"{read.place}: the text holds half a surrogate pair, which is no character; mend or drop the row"
            ) from None
        yield Placed(split, read)


def windows(documents: Iterable[Placed], tokenizer: PreTrainedTokenizerBase, length: int) -> Iterator[Rows]:
    """Pre-training rows: of each split, its documents in order, each followed by the end-of-text token, cut every
    `length` tokens. The last, partial window of a split is dropped. A row's `bytes` are those its tokens cover; the
    end-of-text token covers none.
    """
    rest = {split: (np.empty(0, np.int32), np.empty(0, np.int32)) for split in SPLITS}
    for batch in _batches(documents):
        tokens = _tokens_and_bytes([placed.read.document for placed in batch], tokenizer)
        pieces = {split: [rest[split]] for split in SPLITS}
        for placed, piece in zip(batch, tokens, strict=True):
            pieces[placed.split].append(piece)
        for split in SPLITS:
            ids = np.concatenate([piece[0] for piece in pieces[split]])
            covered = np.concatenate([piece[1] for piece in pieces[split]])
            n = len(ids) // length
            rest[split] = ids[n * length :], covered[n * length :]
            if n:
                bytes_ = covered[: n * length].reshape(n, length).sum(1, dtype=np.int32)
                yield Rows(split, ids[: n * length], np.full(n, length), bytes_)


def conversations(
    documents: Iterable[Placed], tokenizer: PreTrainedTokenizerBase, length: int, loss_on: str, counted: Counter[str]
) -> Iterator[Rows]:
    """Fine-tuning rows: a conversation in the tokenizer's chat template, cut to `length` tokens. A row's `bytes` are
    those of the tokens that count in the loss, special tokens aside.

    Args:
        loss_on: `assistant` or `all`; what the masks mark.
        counted: `truncated` and `without_assistant` (dropped: no token of the assistant is left) are counted here.

    Raises:
        ConfigError: if the tokenizer has no chat template, or one that does not mark the assistant's turns.
    """
    template = tokenizer.chat_template
    if not template:
        raise ConfigError("tokenizer.chat_template: the tokenizer has no chat template of its own; name a Jinja file")
    if loss_on == "assistant" and not GENERATION.search(template):
        raise ConfigError(
            "tokenizer.chat_template: the chat template does not mark the assistant's turns by {% generation %}; "
            "name a Jinja file that does, or set training.loss_on: all"
        )
    special = np.array(tokenizer.all_special_ids)
    for batch in _batches(documents):
        encoded = _chats(batch, tokenizer, loss_on)
        kept: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {split: [] for split in SPLITS}
        for placed, ids, mask in zip(batch, *encoded, strict=True):
            counted["truncated"] += len(ids) > length
            if any(mask[:length]):
                kept[placed.split].append((np.array(ids[:length], np.int32), np.array(mask[:length], np.int8)))
            else:
                counted["without_assistant"] += 1
        for split, rows in kept.items():
            if not rows:
                continue
            scored = [ids[(mask == 1) & ~np.isin(ids, special)] for ids, mask in rows]
            texts = tokenizer.batch_decode(scored, clean_up_tokenization_spaces=False)
            yield Rows(
                split,
                np.concatenate([ids for ids, _ in rows]),
                np.array([len(ids) for ids, _ in rows]),
                np.array([len(text.encode()) for text in texts], np.int32),
                np.concatenate([mask for _, mask in rows]),
            )


def _chats(
    batch: list[Placed], tokenizer: PreTrainedTokenizerBase, loss_on: str
) -> tuple[list[list[int]], list[list[int]]]:
    """Tokens of each conversation in the chat template, and 1 where a token counts in the loss."""
    from jinja2 import TemplateError

    try:
        encoded = tokenizer.apply_chat_template(
            [placed.read.document for placed in batch],
            return_assistant_tokens_mask=loss_on == "assistant",
            tokenizer_kwargs={"verbose": False},
        )
    except TemplateError as error:
        first, last = batch[0].read.place, batch[-1].read.place
        raise SourceError(
            f"{first} to {last}: the chat template refuses a conversation here ({error}); "
            "mend the conversation or set tokenizer.chat_template"
        ) from None
    if loss_on == "assistant":
        return encoded["input_ids"], encoded["assistant_masks"]
    return encoded["input_ids"], [[1] * len(ids) for ids in encoded["input_ids"]]


def _batches(documents: Iterable[Placed]) -> Iterator[list[Placed]]:
    """Lists of documents, limited in number and in size."""
    batch: list[Placed] = []
    size = 0
    for placed in documents:
        batch.append(placed)
        size += _characters(placed.read.document)
        if len(batch) == BATCH_DOCUMENTS or size > BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _characters(document: str | Conversation) -> int:
    return len(document) if isinstance(document, str) else sum(len(turn["content"]) for turn in document)


def _tokens_and_bytes(texts: list[str], tokenizer: PreTrainedTokenizerBase) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each text its tokens with the end of text, and the UTF-8 bytes that each token adds to those before it.

    Tokens say where their characters end. A character that is spread over tokens is counted with the first of them,
    blanks that belong to no token with the next, so that the sum is the text's length in bytes to the byte.
    """
    encoded = tokenizer(
        texts,
        add_special_tokens=False,
        split_special_tokens=True,  # what a text says about control tokens is text
        return_attention_mask=False,
        return_token_type_ids=False,
        return_offsets_mapping=True,
        verbose=False,
    )
    found = []
    for text, ids, offsets in zip(texts, encoded["input_ids"], encoded["offset_mapping"], strict=True):
        if not ids:
            found.append((np.empty(0, np.int32), np.empty(0, np.int32)))
            continue
        code_points = np.frombuffer(text.encode("utf-32-le"), "<u4")
        sizes = 1 + (code_points >= 0x80).astype(np.int32) + (code_points >= 0x800) + (code_points >= 0x10000)
        up_to = np.concatenate([[0], np.cumsum(sizes)])
        ends = np.maximum.accumulate(np.array(offsets, np.int64)[:, 1])
        ends[-1] = len(text)
        covered = np.diff(up_to[ends], prepend=0)
        found.append(
            (
                np.append(np.array(ids, np.int32), np.int32(tokenizer.eos_token_id)),
                np.append(covered, 0).astype(np.int32),
            )
        )
    return found
