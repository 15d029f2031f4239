"""The registry of methods: name -> where the class is, what it does, where it comes from, what it needs.

A new method is one class and one line here; its name is what `optimizer.method` and `admire replay --methods` take.
Importing this module imports no method, so that names can be checked in milliseconds.
"""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass

from admire.errors import ConfigError
from admire.optimize.problem import Method


@dataclass(frozen=True)
class Entry:
    """One method of the registry.

    Args:
        path: `module:Class`.
        what: one line.
        source: where it comes from.
        needs: what a campaign must have for it.
    """

    path: str
    what: str
    source: str
    needs: str


METHODS: dict[str, Entry] = {
    "admire": Entry(
        path="admire.optimize.admire:Admire",
        what="a Gaussian process a metric over mixture and model size; cheap sizes first, then expected improvement at the target",
        source="multi-fidelity Bayesian optimisation after ADMIRE (arXiv 2508.11551) and Kennedy & O'Hagan (2000)",
        needs="one model size or several",
    ),
    "random": Entry(
        path="admire.optimize.random_search:Random",
        what="random mixtures at the target size; recommends the best observed",
        source="the baseline every method has to beat",
        needs="the target size only",
    ),
}


def check_name(name: str) -> None:
    """Refuse a name that is not in the registry.

    Raises:
        ConfigError: with the nearest known name.
    """
    if name not in METHODS:
        near = difflib.get_close_matches(name.lower(), METHODS, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"the methods are {', '.join(METHODS)}"
        raise ConfigError(f"unknown method '{name}'; {hint}")


def get(name: str) -> Method:
    """The method called `name`.

    Raises:
        ConfigError: if there is none, naming the key and the nearest known name.
    """
    try:
        check_name(name)
    except ConfigError as error:
        raise ConfigError(f"optimizer.method: {error}") from None
    module, _, attribute = METHODS[name].path.partition(":")
    return getattr(importlib.import_module(module), attribute)()
