"""Corpora from texts that every Python installation has: its own source code, its documentation, Unicode's tables, and the
descriptions of installed packages. No two corpora share a document: docstrings are in the documentation and not in the code.

Documents are in the order of a hash of their names, so that any number of first documents is a fair sample.
"""

from __future__ import annotations

import ast
import hashlib
import itertools
import sys
import sysconfig
import unicodedata
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MEGABYTE = 1_000_000
LONGEST_MODULE = 150_000  # Modules of more bytes are mostly tables.
SHORTEST_DOCSTRING = 80  # Docstrings of fewer characters are much alike.
SKIPPED_FOLDERS = {"site-packages", "test", "tests", "idlelib", "lib2to3", "ensurepip", "turtledemo", "pydoc_data"}
CHARACTERS_PER_DOCUMENT = 16


def stdlib_code() -> Iterator[str]:
    """One document per module of the standard library: its source code without docstrings. About 3 MB."""
    return _up_to(3 * MEGABYTE, (_without_docstrings(path) for path in _modules().values()))


def documentation() -> Iterator[str]:
    """One document per topic of Python's `help()`, and one per docstring, with the name of the class or function. About 1 MB."""
    from pydoc_data.topics import topics

    modules = _modules()
    order = sorted([*topics, *modules], key=_shuffled)
    texts = ([topics[name]] if name in topics else _docstrings(modules[name]) for name in order)
    return _up_to(MEGABYTE, itertools.chain.from_iterable(texts))


def unicode_table() -> Iterator[str]:
    """One document per CHARACTERS_PER_DOCUMENT characters, with a line per character: code point, character, name, category, and
    decomposition. About 1 MB."""
    named = [code for code in range(sys.maxunicode + 1) if _is_spelt_out(code)]
    starts = sorted(range(0, len(named), CHARACTERS_PER_DOCUMENT), key=lambda start: _shuffled(str(named[start])))
    return _up_to(
        MEGABYTE,
        ("\n".join(_character(code) for code in named[start : start + CHARACTERS_PER_DOCUMENT]) for start in starts),
    )


def package_descriptions() -> Iterator[str]:
    """One document per installed distribution: the description in its metadata. This corpus depends on the environment."""
    from importlib.metadata import distributions

    texts = {}
    for distribution in distributions():
        name = distribution.metadata["Name"]
        message: Any = distribution.metadata  # It is an email.message.Message, of which its annotation has only a part.
        body = message.get_payload() or message["Description"]
        if name and body:
            texts[name.lower()] = body
    for name in sorted(texts, key=_shuffled):
        yield texts[name]


def _shuffled(name: str) -> str:
    """A sort key that gives a fixed order unrelated to the alphabet."""
    return hashlib.sha256(name.encode()).hexdigest()


def _up_to(size: int, texts: Iterator[str | None]) -> Iterator[str]:
    """The texts until they have `size` characters in all. Empty texts, and None for files that could not be read, are left out."""
    for text in texts:
        if not text:
            continue
        yield text
        size -= len(text)
        if size <= 0:
            return


def _modules() -> dict[str, Path]:
    """Name -> file of the standard library's modules, without tests and very long tables, in shuffled order."""
    root = Path(sysconfig.get_path("stdlib"))
    paths = {path.relative_to(root).as_posix(): path for path in root.rglob("*.py")}
    wanted = [
        name
        for name, path in paths.items()
        if not SKIPPED_FOLDERS & set(Path(name).parts[:-1]) and path.stat().st_size < LONGEST_MODULE
    ]
    return {name: paths[name] for name in sorted(wanted, key=_shuffled)}


def _read(path: Path) -> tuple[str, ast.Module] | None:
    """A module's text and syntax tree; None if it is not UTF-8 or not in this Python's syntax (as the examples of 2to3)."""
    try:
        text = path.read_text(encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return text, ast.parse(text)
    except (UnicodeDecodeError, SyntaxError):
        return None


Documentable = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _documented(tree: ast.Module) -> Iterator[tuple[Documentable, ast.stmt, str]]:
    """Each node with a docstring, the docstring's statement, and the docstring."""
    for node in ast.walk(tree):
        if isinstance(node, Documentable) and (docstring := ast.get_docstring(node)):
            yield node, node.body[0], docstring


def _without_docstrings(path: Path) -> str | None:
    if (module := _read(path)) is None:
        return None
    text, tree = module
    dropped = {line for first, last in _lines_of_docstrings(tree) for line in range(first, last + 1)}
    return "\n".join(line for number, line in enumerate(text.splitlines(), 1) if number not in dropped)


def _lines_of_docstrings(tree: ast.Module) -> Iterator[tuple[int, int]]:
    """The first and the last line of each docstring, counted from 1."""
    for _, statement, _ in _documented(tree):
        yield statement.lineno, statement.end_lineno or statement.lineno


def _docstrings(path: Path) -> Iterator[str]:
    if (module := _read(path)) is None:
        return
    for node, _, body in _documented(module[1]):
        if len(body) >= SHORTEST_DOCSTRING:
            yield body if isinstance(node, ast.Module) else f"{node.name}: {body}"


def _is_spelt_out(code: int) -> bool:
    """Whether a character has a name of its own. The names of ideographs and some syllables only repeat their numbers."""
    name = unicodedata.name(chr(code), "")
    return bool(name) and not name.startswith(
        ("CJK ", "HANGUL SYLLABLE", "TANGUT", "NUSHU CHARACTER", "KHITAN", "EGYPTIAN")
    )


def _character(code: int) -> str:
    character = chr(code)
    shown = character if character.isprintable() else " "
    line = f"U+{code:04X} {shown} {unicodedata.name(character)}, {unicodedata.category(character)}"
    if decomposed := unicodedata.decomposition(character):
        line += f", {decomposed}"
    return line
