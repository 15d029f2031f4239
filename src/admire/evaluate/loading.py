"""Loads a saved language model, whole: transformers fills what a file lacks with random numbers and only logs it."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

from transformers import AutoModelForCausalLM, PreTrainedModel

from admire.errors import TrialError

NAMED = 3  # tensors that a refusal names


class NotCheckedError(Exception):
    """Whether weights are whole is known only once they are loaded."""


def load_whole(path: str | Path, fix: str, **settings: Any) -> PreTrainedModel:
    """The model of a folder or hub name, of which every tensor comes from its file (tied ones from what they are tied to).

    Args:
        path: a folder or a name on the hub.
        fix: what to do where tensors are missing, as the last part of a sentence.
        settings: what `from_pretrained` takes beside.

    Raises:
        TrialError: if the architecture has tensors that the file lacks or holds in another shape.
    """
    loaded: Any = AutoModelForCausalLM.from_pretrained(  # its types know nothing of `output_loading_info`
        path,
        use_safetensors=True,
        trust_remote_code=False,
        ignore_mismatched_sizes=True,  # or it would be a traceback: they are refused below
        output_loading_info=True,
        **settings,
    )
    model: PreTrainedModel
    found: dict[str, Any]
    model, found = loaded
    missing, other = set(found["missing_keys"]), {name for name, *_ in found["mismatched_keys"]}
    unused = found["unexpected_keys"]
    if missing or other:
        parts = [f"lack {len(missing)} of the architecture's tensors ({_names(missing)})"] if missing else []
        parts += [f"hold {len(other)} in another shape than config.json says ({_names(other)})"] if other else []
        beside = f", and hold {len(unused)} that it does not have ({_names(unused)})" if unused else ""
        raise TrialError(
            f"{path}: these weights {' and '.join(parts)}{beside}; random numbers would take their place: {fix}"
        )
    if unused:
        warnings.warn(
            f"{path}: {len(unused)} tensors of these weights are not used, the architecture does not have them ({_names(unused)})",
            stacklevel=2,
        )
    return model


def check_whole(path: str | Path, fix: str) -> None:
    """Refuse what `load_whole` would refuse, without reading a number: the library loads names and shapes alone.

    Raises:
        TrialError: as `load_whole`.
        NotCheckedError: if the library cannot tell before it reads numbers.
    """
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)  # its report of several lines comes back as a sentence
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of unused tensors, which is said when the weights are loaded
            load_whole(path, fix, device_map="meta")
    except (RuntimeError, NotImplementedError, KeyError, AttributeError, TypeError, ImportError) as error:
        raise NotCheckedError(" ".join(str(error).split())[:200]) from None
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _names(tensors: Collection[str]) -> str:
    first = sorted(tensors)[:NAMED]
    return ", ".join(first) + (", ..." if len(tensors) > NAMED else "")
