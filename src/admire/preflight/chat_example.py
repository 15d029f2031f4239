"""A made conversation in a chat template, before anything is prepared: a template that refuses every one can train nothing.

It is rendered in a process of its own with bounds of time and memory: a plan is the first look at a file that may be a stranger's.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from admire.errors import ConfigError
from admire.preflight.hub import model_file

SECONDS = 20  # of CPU; a made conversation takes milliseconds
PATIENCE = 120.0  # seconds by the clock, on a machine that has other things to do
PASSES = "passes"
MEMORY = 2 << 30  # bytes beside what the process has already
TURNS = [
    {"role": "user", "content": "question"},
    {"role": "assistant", "content": "answer"},
    {"role": "user", "content": "further question"},
    {"role": "assistant", "content": "further answer"},
]
ASKED = [TURNS, TURNS[:2], [{"role": "system", "content": "order"}, *TURNS]]  # a template may take some of them alone


def check_rendering(template: str, tokenizer: str | None, place: str) -> None:
    """Refuse a chat template that is no Jinja, or that renders none of the made conversations.

    Args:
        tokenizer: the path whose special tokens it may name; None for one that is trained.
        place: the configuration, its key and the template's place, for messages.

    Raises:
        ConfigError: with the template's own error.
    """
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.write(theirs, (_refusal(template, _variables(tokenizer)) or PASSES).encode())
        os._exit(0)
    os.close(theirs)
    try:
        ready, _, _ = select.select([ours], [], [], PATIENCE)
        said = os.read(ours, 1 << 16).decode() if ready else ""
    finally:
        os.close(ours)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if said != PASSES:
        bounds = f"takes more than {SECONDS} s or {MEMORY >> 30} GiB for a conversation of two turns; mend it"
        raise ConfigError(f"{place}{said or f': it {bounds}'}, or name another Jinja file")


def _refusal(template: str, variables: dict[str, Any]) -> str | None:
    """How a sentence goes on behind the template's place, None where it renders a conversation; in the process that is bounded."""
    from jinja2 import TemplateSyntaxError
    from transformers.utils.chat_template_utils import render_jinja_template

    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    first = None
    for turns in ASKED:
        try:
            render_jinja_template(conversations=[turns], chat_template=template, **variables)
        except (TemplateSyntaxError, RecursionError) as error:
            line = f", line {error.lineno}" if isinstance(error, TemplateSyntaxError) else ""
            return f"{line}: this is no valid Jinja template ({error}); correct it"
        except MemoryError:
            raise
        except Exception as error:  # a template is a program: it can fail in any way
            first = first or (" ".join(str(error).split()) or type(error).__name__)[:200].rstrip(".")
        else:
            return None
    return f" refuses every conversation of a user and an assistant ({first}); mend it"


def _variables(tokenizer: str | None) -> dict[str, Any]:
    """The special tokens that a template may name, as the tokenizer's configuration writes them."""
    path = model_file(tokenizer, "tokenizer_config.json") if tokenizer else None
    told = json.loads(path.read_text(encoding="utf-8")) if path else {}
    usual = dict.fromkeys(
        ("bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token"), "<s>"
    )
    return usual | dict(_tokens(told)) | dict(_tokens(told.get("extra_special_tokens")))


def _tokens(told: Any) -> Iterator[tuple[str, str]]:
    for key, value in told.items() if isinstance(told, dict) else ():
        text = value.get("content") if isinstance(value, dict) else value
        if key.endswith("_token") and isinstance(text, str):
            yield key, text
