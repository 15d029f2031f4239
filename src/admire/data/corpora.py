"""The corpora that `sources.<name>.corpus` can name. They are made from texts that every Python installation has, or from a seed.

A corpus is a function without arguments that yields its documents in a fixed order: texts (str) for pre-training, or
conversations (lists of `{role, content}`, as a row of a file would hold them) for fine-tuning.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator

from admire.data import installed_text, synthetic_text
from admire.data.synthetic_chats import CONVERSATIONS, Turns
from admire.errors import SourceError

CORPORA: dict[str, Callable[[], Iterator[str]] | Callable[[], Iterator[Turns]]] = {
    "stdlib-code": installed_text.stdlib_code,
    "docs": installed_text.documentation,
    "unicode": installed_text.unicode_table,
    "packages": installed_text.package_descriptions,
    "arithmetic": synthetic_text.arithmetic,
    "strings": synthetic_text.string_algorithms,
    "stories": synthetic_text.stories,
    **CONVERSATIONS,
}


def corpus(name: str, key: str) -> Callable[[], Iterator[str]] | Callable[[], Iterator[Turns]]:
    """The corpus called `name`.

    Args:
        key: the place of the name in the campaign's YAML, for the message.

    Raises:
        SourceError: if there is no corpus of that name.
    """
    if name not in CORPORA:
        near = difflib.get_close_matches(name, CORPORA, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(CORPORA)}"
        raise SourceError(f"{key}: no corpus is called '{name}'; {hint}")
    return CORPORA[name]
