"""Do the prompts of a suite fit into the model's context? lm-eval cuts longer ones on the left and scores the rest.

Tokens are counted exactly, with the model's tokenizer, after lm-eval has built the prompts and before the model scores any.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from admire.errors import ConfigError

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance
    from lm_eval.api.task import Task
    from lm_eval.models.huggingface import HFLM

SPECIAL = 8  # A tokenizer adds at most so many special tokens to a text.


def cut_items(model: HFLM, task: Task) -> tuple[int, int]:
    """(number of items with a prompt that is longer than the context, number of all items) of a task.

    Raises:
        ConfigError: if no prompt can fit, because the answer alone is too long.
    """
    items = {request.doc_id for request in task.instances}
    return len({request.doc_id for request in task.instances if _is_cut(model, request)}), len(items)


def check_cut(cut: dict[str, tuple[int, int]], length: int) -> None:
    """Refuse prompts that would be cut.

    Args:
        cut: task -> result of `cut_items`.
        length: the model's context in tokens.

    Raises:
        ConfigError: names the tasks, the numbers of items and the fixes.
    """
    parts = [f"{cut:,} of the {items:,} items of {task}" for task, (cut, items) in cut.items() if cut]
    if parts:
        raise ConfigError(
            f"prompts of {', '.join(parts)} are longer than the {length:,} tokens that the model reads, and would be cut on the "
            "left; show fewer examples (few_shot), leave the task out, or say cut_prompts: true in the suite if that is meant"
        )


def repeated_items(documents: Iterable[Any]) -> int:
    """How many of a task's items are repetitions of an earlier one."""
    counts = Counter(json.dumps(document, sort_keys=True, default=str) for document in documents)
    return sum(count - 1 for count in counts.values())


def _is_cut(model: HFLM, request: Instance) -> bool:
    """Whether lm-eval would cut this prompt (`HFLM._loglikelihood_tokens`, `HFLM.generate_until`); windows are never cut."""
    length, name = model.max_length, request.task_name
    if request.request_type == "loglikelihood":
        context, answer = request.args
        if _surely_fits(context + answer, length):
            return False
        start, end = model._encode_pair(context, answer) if context else ([0], model.tok_encode(answer))
        if len(end) > length:
            raise ConfigError(
                f"tasks.{name}: an answer has {len(end)} tokens, and the model reads {length}; leave it out"
            )
        return len(start) + len(end) > length + 1
    if request.request_type == "generate_until":
        from lm_eval.models.utils import normalize_gen_kwargs

        context, settings = request.args
        answer = normalize_gen_kwargs(settings, model.max_gen_toks)["max_gen_toks"]
        if answer >= length:
            raise ConfigError(
                f"tasks.{name}: answers may have {answer} tokens (max_gen_toks), and the model reads {length} with the prompt; "
                "lower it in the task's file"
            )
        return not _surely_fits(context, length - answer) and len(model.tok_encode(context)) > length - answer
    return False


def _surely_fits(text: str, length: int) -> bool:
    """Whether a text certainly has at most `length` tokens, which saves tokenising it.

    Each token has at least one byte. This holds only for ASCII, because tokenizers may normalise other characters to longer ones.
    """
    return text.isascii() and len(text) + SPECIAL <= length
