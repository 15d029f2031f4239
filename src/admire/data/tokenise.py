"""Turns batches of documents into tokens. The result depends only on the batch, so any process may do any batch.

Tokens are passed on as flat arrays, because Python lists of a whole corpus would take far more memory.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.sources import HeldOut
from admire.data.chats import Chats, Row, why_nothing_is_learnt
from admire.data.conversation import Document
from admire.data.documents import Read
from admire.data.left_out import LeftOut, Tally
from admire.data.splits import SPLITS, placed
from admire.data.tokenizers import campaign_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BATCH_DOCUMENTS = 256
BATCH_CHARACTERS = 1_000_000


@dataclass(frozen=True)
class Rows:
    """n tokenised rows of one split.

    Attributes:
        input_ids: the concatenated tokens of all rows (int32).
        lengths: the n lengths of the rows, in tokens.
        bytes: n numbers of UTF-8 bytes, each of that part of a row's text that counts in the loss (int32).
        assistant_masks: only in fine-tuning: 1 for a token that counts in the loss, as many values as `input_ids` (int8).
    """

    input_ids: np.ndarray
    lengths: np.ndarray
    bytes: np.ndarray
    assistant_masks: np.ndarray | None = None


@dataclass(frozen=True)
class Text:
    """The concatenated texts of one split, not yet cut into rows.

    Attributes:
        input_ids: n tokens (int32), with an end-of-text token after each text.
        bytes: n numbers of UTF-8 bytes, those of the text that each token covers (int32).
    """

    input_ids: np.ndarray
    bytes: np.ndarray


@dataclass(frozen=True)
class Tokenised:
    """The tokens of a batch of documents.

    Attributes:
        tally: counts of the documents that were read, left out and cut.
        splits: split -> its part of the batch, in the order of the documents.
    """

    tally: Tally
    splits: dict[str, Text] | dict[str, Rows]


def batches(reads: Iterable[Read]) -> Iterator[list[Read]]:
    """Groups documents into batches of at most BATCH_DOCUMENTS; a batch also ends once it exceeds BATCH_CHARACTERS."""
    batch: list[Read] = []
    size = 0
    for read in reads:
        batch.append(read)
        size += _characters(read.document)
        if len(batch) == BATCH_DOCUMENTS or size > BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def tokeniser(campaign: Campaign) -> Callable[[list[Read]], Tokenised]:
    """A function that tokenises a batch of the campaign's documents on one core.

    Raises:
        ConfigError: if the tokenizer cannot be used, or its chat template does not mark what counts in the loss.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # `parallel` runs one process per core.
    tokenizer, training = campaign_tokenizer(campaign), campaign.training
    if training.kind == "pretrain":
        return functools.partial(_texts, tokenizer=tokenizer, held_out=campaign.held_out)
    return functools.partial(
        _conversations,
        tokenizer=tokenizer,
        chats=Chats(tokenizer, training.loss_on),
        held_out=campaign.held_out,
        length=training.sequence_length,
    )


def _texts(batch: list[Read], tokenizer: PreTrainedTokenizerBase, held_out: HeldOut) -> Tokenised:
    tally = Tally()
    whole = list(placed(batch, held_out, tally))
    tokens = _tokens_and_bytes([found.text for found in whole], tokenizer) if whole else []
    splits = {}
    for split in SPLITS:
        pieces = [piece for found, piece in zip(whole, tokens, strict=True) if found.split == split]
        if pieces:
            splits[split] = Text(*(np.concatenate(column) for column in zip(*pieces, strict=True)))
    return Tokenised(tally, splits)


def _conversations(
    batch: list[Read], tokenizer: PreTrainedTokenizerBase, chats: Chats, held_out: HeldOut, length: int
) -> Tokenised:
    """Make one row per conversation, rendered with the chat template and cut to `length` tokens. A row's `bytes` are those of the
    tokens that count in the loss, without special tokens. A conversation without a token that counts is left out.
    """
    tally = Tally()
    whole = list(placed(batch, held_out, tally))
    kept: dict[str, list[Row]] = {}
    for found, row in zip(whole, chats.rows([found.conversation for found in whole]), strict=True):
        if isinstance(row, LeftOut):
            tally.leave_out(row.reason, f"{found.place}: {row.sentence}")
        elif not row.mask[:length].any():
            tally.leave_out(*why_nothing_is_learnt(found.conversation, row, found.place))
        else:
            tally.cut += len(row.mask) > length
            kept.setdefault(found.split, []).append(Row(row.input_ids[:length], row.mask[:length]))
    special = np.array(tokenizer.all_special_ids)
    splits = {}
    for split, rows in kept.items():
        scored = [ids[(mask == 1) & ~np.isin(ids, special)] for ids, mask in rows]
        texts = tokenizer.batch_decode(scored, clean_up_tokenization_spaces=False)
        splits[split] = Rows(
            np.concatenate([row.input_ids for row in rows]),
            np.array([len(row.input_ids) for row in rows]),
            np.array([len(text.encode()) for text in texts], np.int32),
            np.concatenate([row.mask for row in rows]),
        )
    if kept and chats.remark:
        tally.notes.append(chats.remark)
    return Tokenised(tally, splits)


def _characters(document: Document | LeftOut) -> int:
    if isinstance(document, LeftOut):
        return 0
    return len(document) if isinstance(document, str) else sum(map(len, document.texts))


def _tokens_and_bytes(texts: list[str], tokenizer: PreTrainedTokenizerBase) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each text of n tokens, two arrays of n + 1 values (int32): its tokens with the end-of-text token, and the number of UTF-8
    bytes that each token covers.

    The numbers are computed from the places at which the tokens' characters end. A character that is spread over several tokens
    counts for the first of them, and blanks that belong to no token count for the next, so that the sum is exactly the number of
    bytes of the text.
    """
    encoded = tokenizer(
        texts,
        add_special_tokens=False,
        split_special_tokens=True,  # A text that mentions control tokens must not contain real ones.
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
        ends = np.maximum.accumulate(np.array([end for _, end in offsets], np.int64))
        ends[-1] = len(text)
        if not text.isascii():
            ends = _bytes_up_to(text)[ends]
        found.append(
            (
                np.array([*ids, tokenizer.eos_token_id], np.int32),
                np.append(np.diff(ends, prepend=0), 0).astype(np.int32),
            )
        )
    return found


def _bytes_up_to(text: str) -> np.ndarray:
    """n + 1 values for a text of n characters: the numbers of UTF-8 bytes of its first 0, 1, ..., n characters."""
    code_points = np.frombuffer(text.encode("utf-32-le"), "<u4")
    sizes = 1 + (code_points >= 0x80).astype(np.int32) + (code_points >= 0x800) + (code_points >= 0x10000)
    return np.concatenate([[0], np.cumsum(sizes)])
