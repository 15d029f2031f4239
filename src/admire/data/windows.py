"""Rows for pre-training: the concatenated documents of each split, cut every `length` tokens."""

from __future__ import annotations

import numpy as np

from admire.data.tokenise import Rows, Text


class Windows:
    """Cuts batch after batch into windows and keeps the tokens that do not fill one for the next batch. Those that are left when
    the documents end, less than one window per split, are dropped.

    Args:
        length: number of tokens in a window.
        rest: the attribute `rest` of an earlier process, to resume after it.
    """

    def __init__(self, length: int, rest: dict[str, list[list[int]]] | None = None) -> None:
        self._length = length
        self._rest = {split: Text(*np.array(columns, np.int32)) for split, columns in (rest or {}).items()}

    @property
    def rest(self) -> dict[str, list[list[int]]]:
        """Split -> [tokens that do not fill a window yet, their numbers of bytes]."""
        return {split: [text.input_ids.tolist(), text.bytes.tolist()] for split, text in self._rest.items()}

    def cut(self, split: str, text: Text) -> Rows | None:
        """The windows that are full after `text`; None if there are none. A row's `bytes` are those that its tokens cover."""
        before = self._rest.get(split)
        if before is not None:
            text = Text(np.concatenate([before.input_ids, text.input_ids]), np.concatenate([before.bytes, text.bytes]))
        n = len(text.input_ids) // self._length
        end = n * self._length
        self._rest[split] = Text(text.input_ids[end:], text.bytes[end:])
        if not n:
            return None
        covered = text.bytes[:end].reshape(n, self._length).sum(1, dtype=np.int32)
        return Rows(text.input_ids[:end], np.full(n, self._length), covered)
