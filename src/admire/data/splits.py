"""Assigns documents to splits by their content alone, so that duplicates are always in the same split."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from admire.campaign.schema.sources import HeldOut
from admire.data.conversation import Conversation, Document
from admire.data.documents import Read
from admire.data.left_out import LeftOut, Tally

SPLITS = ("train", "validation", "test")


def content_bytes(document: Document) -> bytes:
    """The bytes of a document that are hashed: its text, or the identity of a conversation.

    Raises:
        UnicodeEncodeError: for unpaired surrogates.
    """
    return document.encode() if isinstance(document, str) else document.identity()


def split_of(document: Document, held_out: HeldOut) -> str:
    """`train`, `validation` or `test`.

    Documents with the smallest hashes are for validation and those with the largest for the test. If one fraction changes, the
    other split therefore keeps its documents.

    Raises:
        UnicodeEncodeError: for unpaired surrogates.
    """
    number = (
        int.from_bytes(hashlib.blake2b(content_bytes(document), key=b"admire split", digest_size=8).digest(), "big")
        / 2**64
    )
    if number < held_out.validation:
        return "validation"
    return "test" if number >= 1 - held_out.test else "train"


class Placed(NamedTuple):
    """A document with its split, and the place where it was read."""

    split: str
    document: Document
    place: str

    @property
    def text(self) -> str:
        """The document, in pre-training.

        Raises:
            TypeError: if it is a conversation.
        """
        if not isinstance(self.document, str):
            raise TypeError(f"{self.place}: a conversation where a text is prepared")
        return self.document

    @property
    def conversation(self) -> Conversation:
        """The document, in fine-tuning.

        Raises:
            TypeError: if it is a text.
        """
        if isinstance(self.document, str):
            raise TypeError(f"{self.place}: a text where a conversation is prepared")
        return self.document


def placed(reads: Iterable[Read], held_out: HeldOut, tally: Tally) -> Iterator[Placed]:
    """Assign each document to its split. Unusable rows, blank texts and texts with unpaired surrogates are left out.

    Args:
        tally: counts the documents that are read and those that are left out.
    """
    for read in reads:
        tally.documents += 1
        if isinstance(read.document, LeftOut):
            tally.leave_out(*read.document)
            continue
        if isinstance(read.document, str) and not read.document.strip():
            tally.leave_out("blank", read.place)
            continue
        try:
            split = split_of(read.document, held_out)
        except UnicodeEncodeError:
            tally.leave_out(
                "no_text",
                f"{read.place}: the text holds half a surrogate pair, which is no character; correct or drop the row",
            )
            continue
        yield Placed(split, read.document, read.place)
