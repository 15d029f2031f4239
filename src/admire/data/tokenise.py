"""Documents to tokens, a batch at a time: what a process does to a batch depends on that batch alone.

What is handed on are flat arrays; no corpus is ever held as Python lists.
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
        input_ids: the tokens of all rows, one after the other (int32).
        lengths: n lengths.
        bytes: n numbers: UTF-8 bytes of the text that each row is scored on (int32).
        assistant_masks: fine-tuning: 1 where a token counts in the loss, as long as `input_ids` (int8).
    """

    input_ids: np.ndarray
    lengths: np.ndarray
    bytes: np.ndarray
    assistant_masks: np.ndarray | None = None


@dataclass(frozen=True)
class Text:
    """Texts of one split, one after the other, not yet cut into rows.

    Attributes:
        input_ids: n tokens (int32); an end-of-text token follows each text.
        bytes: n numbers: UTF-8 bytes that each token adds to those before it (int32).
    """

    input_ids: np.ndarray
    bytes: np.ndarray


@dataclass(frozen=True)
class Tokenised:
    """What a batch of documents became.

    Attributes:
        tally: what became of its documents.
        splits: split -> its part of the batch, in the documents' order.
    """

    tally: Tally
    splits: dict[str, Text] | dict[str, Rows]


def batches(reads: Iterable[Read]) -> Iterator[list[Read]]:
    """Lists of documents, limited in number and in size."""
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
    """What tokenises the campaign's documents a batch at a time, on one core.

    Raises:
        ConfigError: if the tokenizer cannot be used, or its chat template does not mark what counts in the loss.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # cores are used by processes: see `parallel`
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
    """A conversation becomes a row: in the tokenizer's chat template, cut to `length` tokens. A row's `bytes` are those
    of the tokens that count in the loss, special tokens aside; a conversation without such a token is left out.
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
    """Of a text of n characters, the UTF-8 bytes of the first 0, 1, ..., n."""
    code_points = np.frombuffer(text.encode("utf-32-le"), "<u4")
    sizes = 1 + (code_points >= 0x80).astype(np.int32) + (code_points >= 0x800) + (code_points >= 0x10000)
    return np.concatenate([[0], np.cumsum(sizes)])
