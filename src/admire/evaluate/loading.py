"""Loads a saved language model and refuses incomplete ones, whose missing tensors transformers fills with random numbers."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from admire.errors import TrialError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MOST_NAMES = 3  # A refusal names so many tensors, so that it stays one sentence.


class NotCheckedError(Exception):
    """Whether model weights are complete shows only when they are loaded."""


def load_whole(path: str | Path, fix: str, **settings: Any) -> PreTrainedModel:
    """The model at a path, with every tensor read from its files (or tied to one that was).

    Tensors in the files that the architecture does not have are ignored, with a warning.

    Args:
        path: a folder or a name on the hub.
        fix: the advice that ends the sentence of a refusal.
        settings: further arguments of `from_pretrained`.

    Raises:
        TrialError: if the architecture has tensors that the files lack or hold in another shape.
    """
    from transformers import AutoModelForCausalLM  # Takes seconds, and most checks of a campaign do without it.

    loaded: Any = AutoModelForCausalLM.from_pretrained(  # The library's types do not include `output_loading_info`.
        path,
        use_safetensors=True,
        trust_remote_code=False,
        ignore_mismatched_sizes=True,  # Such tensors are refused below; the library would end with a traceback.
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
    """Refuse what `load_whole` would refuse, without reading tensors: the library loads only their names and shapes.

    Args:
        path: a folder or a name on the hub.
        fix: the advice that ends the sentence of a refusal.

    Raises:
        TrialError: as `load_whole`.
        NotCheckedError: if the library cannot compare names and shapes without reading the tensors.
    """
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(
        logging.CRITICAL
    )  # The library would log a report of several lines; `load_whole` raises a sentence.
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # The warning about unused tensors is given when the weights are loaded.
            load_whole(path, fix, device_map="meta")
    # The library's own code for an architecture may need values or a package where there are only shapes, and each fails in its
    # own way. That says nothing about the weights: the caller prints that they are not checked, and `load_whole` checks them later.
    except (RuntimeError, NotImplementedError, KeyError, AttributeError, TypeError, ImportError) as error:
        raise NotCheckedError(" ".join(str(error).split())[:200]) from None
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _names(tensors: Collection[str]) -> str:
    first = sorted(tensors)[:MOST_NAMES]
    return ", ".join(first) + (", ..." if len(tensors) > MOST_NAMES else "")
