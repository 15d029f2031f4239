"""Counting the warnings of libraries by kind, so that a record has one line per kind instead of a log full of them."""

from __future__ import annotations

import contextlib
import logging
import re
import textwrap
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

LIBRARIES = ("lm_eval", "transformers", "trl", "datasets", "accelerate", "torch", "peft")
LENGTH = 160  # The text of a kind is shortened to this many characters.
KINDS = 50  # This bounds a record when a library writes texts into its warnings, which makes every warning a kind of its own.
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
# Only these categories concern results. Deprecations address the authors of code and say nothing about a score.
MEANT = (UserWarning, RuntimeWarning)
# lm-eval says these at every start. They are not counted because ADMIRE reads the task files itself (`admire.campaign.task_files`)
# and checks the direction of each metric (`admire.evaluate.directions`).
KNOWN = (
    "Custom kwargs can be passed to `--metadata`",
    "Duplicate task name",
    "overrides existing task",
    "is defined, but higher_is_better is not",
    "is defined, but aggregation is not",
    "higher_is_better not specified",
)


@contextlib.contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count warnings of `LIBRARIES`, and Python's own, by kind instead of printing them, as long as the block runs.

    A kind is the library and the message, with `#` for numbers. Messages above the level of a warning are printed and counted.

    Yields:
        The counts so far: kind -> how often.
    """
    said: Counter[str] = Counter()
    handler = _Counting(said)
    loggers = [logging.getLogger(name) for name in LIBRARIES]
    before = [(logger.handlers[:], logger.propagate, logger.level) for logger in loggers]
    for logger in loggers:
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(min(logger.level or logging.WARNING, logging.WARNING))
    try:
        with warnings.catch_warnings():
            for category in MEANT:
                warnings.simplefilter("always", category)
            warnings.showwarning = handler.show(warnings.showwarning)
            yield said
    finally:
        for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
            # A library that was first imported inside the block has set up its own handlers, which must stay.
            logger.handlers = handlers or [one for one in logger.handlers if one is not handler]
            logger.propagate = propagate
            logger.setLevel(level)


class _Counting(logging.Handler):
    """Counts the records of libraries' loggers, and prints those above the level of a warning."""

    def __init__(self, said: Counter[str]) -> None:
        super().__init__(logging.WARNING)
        self.said = said

    def emit(self, record: logging.LogRecord) -> None:
        """Count one record."""
        # Count by the template if there is one: the values that fill it would make every message a kind of its own.
        message = str(record.msg) if record.args else record.getMessage()
        self._count(record.name.partition(".")[0], message)
        if record.levelno > logging.WARNING and logging.lastResort is not None:
            logging.lastResort.handle(record)

    def show(self, otherwise: Any) -> Any:
        """A replacement for `warnings.showwarning` that counts the categories in `MEANT`, and passes others to `otherwise`."""

        def count(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if issubclass(category, MEANT):
                self._count("python", str(message))
            else:
                otherwise(message, category, *where, **more)

        return count

    def _count(self, library: str, message: str) -> None:
        if not any(known in message for known in KNOWN):
            kind = f"{library}: {textwrap.shorten(NUMBER.sub('#', message), LENGTH, placeholder=' ...')}"
            self.said[kind if kind in self.said or len(self.said) < KINDS else "warnings of further kinds"] += 1
