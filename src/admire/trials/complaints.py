"""What libraries warn of while they work, counted by kind: one line of a record instead of screens in a log."""

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
LENGTH = 160  # characters of a kind
KINDS = 50  # of one block; a library that writes texts into its warnings makes a kind of each
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
# Python's warnings about results; those for the authors of code (deprecations) say nothing about a score
MEANT = (UserWarning, RuntimeWarning)
# said at every start, and decided or said elsewhere: task files are looked for by `admire.campaign.task_files`, which way a metric
# goes is `admire.evaluate.directions`
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
    """Inside the block the warnings of `LIBRARIES`, and Python's own, are counted by kind instead of printed.

    A kind is the library and the message, with numbers left open. What is worse than a warning is printed as before, and counted.
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
            # a library that was loaded inside the block has set its own
            logger.handlers = handlers or [one for one in logger.handlers if one is not handler]
            logger.propagate = propagate
            logger.setLevel(level)


class _Counting(logging.Handler):
    """Counts records of libraries' loggers, and hands on what is worse than a warning."""

    def __init__(self, said: Counter[str]) -> None:
        super().__init__(logging.WARNING)
        self.said = said

    def emit(self, record: logging.LogRecord) -> None:
        """Count one."""
        # the template where there is one: what was filled in would make a kind of each message
        message = str(record.msg) if record.args else record.getMessage()
        self._count(record.name.partition(".")[0], message)
        if record.levelno > logging.WARNING and logging.lastResort is not None:
            logging.lastResort.handle(record)

    def show(self, otherwise: Any) -> Any:
        """What Python is to do with a warning."""

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
