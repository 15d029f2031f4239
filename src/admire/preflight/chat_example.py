"""Renders made-up conversations with a chat template before anything is prepared, to find templates that refuse every conversation.

They are rendered in a process of its own with limits on time and memory, because the template may come from a stranger.
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

SECONDS = 20  # This limits CPU time; rendering a made-up conversation takes milliseconds.
PATIENCE = 120.0  # So many seconds of wall time are enough even on a busy machine.
PASSES = "passes"
MEMORY = 2 << 30  # Rendering may take so many bytes more than the process has already.
TURNS = [
    {"role": "user", "content": "question"},
    {"role": "assistant", "content": "answer"},
    {"role": "user", "content": "further question"},
    {"role": "assistant", "content": "further answer"},
]
# Some templates accept only some of these conversations; accepting one is enough.
CONVERSATIONS = [TURNS, TURNS[:2], [{"role": "system", "content": "order"}, *TURNS]]


def check_rendering(template: str, tokenizer: str | None, place: str) -> None:
    """Refuse a chat template that is not valid Jinja, or that renders none of the made-up conversations within the limits.

    Args:
        tokenizer: the folder or hub name of the tokenizer whose special tokens the template may name; None for a tokenizer that
            the campaign trains.
        place: the configuration, its key and the template's path, for messages.

    Raises:
        ConfigError: contains the template's own error, or the limit.
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
        bounds = f"takes more than {SECONDS} s or {MEMORY >> 30} GiB for a conversation of two turns; fix it"
        raise ConfigError(f"{place}{said or f': it {bounds}'}, or name another Jinja file")


def _refusal(template: str, variables: dict[str, Any]) -> str | None:
    """The rest of the sentence that begins with the template's place, or None if the template renders a conversation.

    This sets the limits on the calling process, so it is called only in a fork.
    """
    from jinja2 import TemplateSyntaxError
    from transformers.utils.chat_template_utils import render_jinja_template

    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    first = None
    for turns in CONVERSATIONS:
        try:
            render_jinja_template(conversations=[turns], chat_template=template, **variables)
        except (TemplateSyntaxError, RecursionError) as error:
            line = f", line {error.lineno}" if isinstance(error, TemplateSyntaxError) else ""
            return f"{line}: this is no valid Jinja template ({error}); correct it"
        except MemoryError:
            raise
        except Exception as error:  # A template is a program, so it can fail in any way.
            first = first or (" ".join(str(error).split()) or type(error).__name__)[:200].rstrip(".")
        else:
            return None
    return f" refuses every conversation of a user and an assistant ({first}); fix it"


def _variables(tokenizer: str | None) -> dict[str, Any]:
    """Name -> text of the special tokens that a template may use, from the tokenizer's configuration; `<s>` for missing ones."""
    path = model_file(tokenizer, "tokenizer_config.json") if tokenizer else None
    config = json.loads(path.read_text(encoding="utf-8")) if path else {}
    usual = dict.fromkeys(
        ("bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token"), "<s>"
    )
    return usual | dict(_tokens(config)) | dict(_tokens(config.get("extra_special_tokens")))


def _tokens(entries: Any) -> Iterator[tuple[str, str]]:
    for key, value in entries.items() if isinstance(entries, dict) else ():
        text = value.get("content") if isinstance(value, dict) else value
        if key.endswith("_token") and isinstance(text, str):
            yield key, text
