"""The registry of methods: under each name the class, a description, its source and its requirements.

A new method is one class and one entry here. `optimizer.method` and `admire replay --methods` take the names. Importing this
module imports no method, so that names can be checked in milliseconds.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from admire.errors import ConfigError
from admire.optimize.problem import Method


@dataclass(frozen=True)
class Entry:
    """One method of the registry.

    Args:
        path: `module:Class`.
        what: a description of one line.
        source: the paper or idea that it comes from.
        needs: the requirements on a campaign or table, in words.
        requires: requirements that a replay checks on its table: `sizes` (two or more), `promotes` (mixtures that occur at
            several sizes), `trains` (a special kind of training) and `design`; no table has the last two.
        stops: whether it can work with trials that stop at a fraction of their steps.
        options: the values of each option, the default first.
    """

    path: str
    what: str
    source: str
    needs: str
    requires: frozenset[str] = frozenset()
    stops: bool = True
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


SIZES, PROMOTES = frozenset({"sizes"}), frozenset({"sizes", "promotes"})
PAPER = "arXiv 2508.11551"
REGMIX = "RegMix, arXiv 2407.01492"
ORDERS = "a cheap size that orders mixtures as the target does"
SEVERAL = "two model sizes or more; in replays mixtures that occur at several"

METHODS: dict[str, Entry] = {
    "admire": Entry(
        path="admire.optimize.admire:Admire",
        what="one Gaussian process per metric over mixture, size and steps; cheap trials first, then those that promise most",
        source=f"multi-fidelity Bayesian optimisation after ADMIRE ({PAPER}) and Kennedy & O'Hagan (2000)",
        needs="one model size or several",
        options={
            "kernel": ("matern", "rbf", "linear", "spectral"),
            "fidelity_kernel": ("autoregressive", "downsampling", "linear-truncated", "independent"),
            "acquisition": ("log-ei", "ucb", "thompson", "mes-per-cost", "kg-per-cost"),
        },
    ),
    "admire-mfbo": Entry(
        path="admire.optimize.admire_mfbo:AdmireMFBO",
        what="one process with RBF x downsampling kernel, max-value entropy search per unit of cost over mixture and size",
        source=f"{PAPER}, equations 1 to 9",
        needs="two model sizes or more; whole trainings",
        requires=SIZES,
        stops=False,
    ),
    "admire-bo": Entry(
        path="admire.optimize.admire_mfbo:AdmireBO",
        what="one process with RBF kernel at the target size alone, log expected improvement",
        source=f"{PAPER}, equation 6",
        needs="the target size only",
    ),
    "mfms-gp": Entry(
        path="admire.optimize.mfms_gp:MFMSGP",
        what="one process over mixture, size and training steps, expected improvement per unit of cost",
        source="MFMS-GP (ADSO), arXiv 2503.21023",
        needs="two model sizes or more; uses trials that stop early",
        requires=SIZES,
    ),
    "regmix-linear": Entry(
        path="admire.optimize.proxy:RegMixLinear",
        what="random mixtures at the cheapest size, a linear regression, its best prediction",
        source=REGMIX,
        needs=ORDERS,
    ),
    "regmix-lightgbm": Entry(
        path="admire.optimize.proxy:RegMixLightGBM",
        what="random mixtures at the cheapest size, boosted trees, their best prediction",
        source=REGMIX,
        needs=ORDERS,
    ),
    "mixing-law": Entry(
        path="admire.optimize.proxy:MixingLaw",
        what="random mixtures at the cheapest size, one exponential law per metric, their best prediction",
        source="Data Mixing Laws, arXiv 2403.16952",
        needs=ORDERS,
    ),
    "svr": Entry(
        path="admire.optimize.proxy:SupportVectors",
        what="random mixtures at the cheapest size, RBF support vector regression, its best prediction",
        source=f"a baseline of {PAPER}",
        needs=ORDERS,
    ),
    "successive-halving": Entry(
        path="admire.optimize.promotion:SuccessiveHalving",
        what="many mixtures at the cheapest size or fraction of its steps, the best third is promoted to the next",
        source="ASHA, arXiv 1810.05934",
        needs=SEVERAL,
        requires=PROMOTES,
    ),
    "hyperband": Entry(
        path="admire.optimize.promotion:Hyperband",
        what="successive halving that also begins at dearer sizes, each for the same cost",
        source="Hyperband, arXiv 1603.06560, with ASHA's promotions",
        needs=SEVERAL,
        requires=PROMOTES,
    ),
    "doremi": Entry(
        path="admire.optimize.doremi:DoReMi",
        what="a reference and a proxy at the cheapest size; recommends the source weights that the proxy learns",
        source="DoReMi, arXiv 2305.10429",
        needs="pre-training; it looks at no score, so it knows nothing of the objective",
        requires=frozenset({"trains"}),
        stops=False,
    ),
    "design": Entry(
        path="admire.optimize.design_method:NestedDesign",
        what="random mixtures around the baseline mixture, all decided at once, nested over sizes: data to learn from",
        source=f"{PAPER}, section 5",
        needs="optimizer.design",
        requires=frozenset({"design"}),
        stops=False,
    ),
    "random": Entry(
        path="admire.optimize.random_search:Random",
        what="random mixtures at the target size; recommends the best observed",
        source="the baseline every method has to beat",
        needs="the target size only",
    ),
    "prior": Entry(
        path="admire.optimize.fixed:Prior", what="recommends the baseline mixture", source="a baseline", needs="nothing"
    ),
    "uniform": Entry(
        path="admire.optimize.fixed:Uniform",
        what="recommends the uniform mixture",
        source="a baseline",
        needs="nothing",
    ),
}
TRANSFER = "transfer:"  # the whole name is transfer:<method>@<size>


def check_name(name: str) -> None:
    """Refuse a name that is not in the registry.

    Raises:
        ConfigError: names the nearest known method, or all of them.
    """
    method, _ = _parts(name)
    if method not in METHODS:
        typed = method.lower()
        begun = [known for known in METHODS if typed and known.startswith(typed)]
        near = begun or difflib.get_close_matches(typed, METHODS, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"the methods are {', '.join(METHODS)}"
        raise ConfigError(f"unknown method '{method}'; {hint}")


def check_options(name: str, options: Mapping[str, str]) -> None:
    """Refuse options that a method does not have, and values that an option cannot take.

    Raises:
        ConfigError: names the options that the method has, or the nearest known value.
    """
    method, known = _parts(name)[0], entry(name).options
    for key, value in options.items():
        if key not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise ConfigError(f"{key}: method '{method}' has no such option; {has}")
        if value not in known[key]:
            near = difflib.get_close_matches(value, known[key], n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"it is one of {', '.join(known[key])}"
            raise ConfigError(f"{key}: unknown '{value}'; {hint}")


def entry(name: str) -> Entry:
    """The registry's entry of a method; `transfer:<method>@<size>` additionally requires two sizes."""
    method, size = _parts(name)
    found = METHODS[method]
    return found if size is None else replace(found, requires=SIZES)


def get(name: str, options: Mapping[str, str] | None = None) -> Method:
    """The method called `name` with a campaign's options.

    Raises:
        ConfigError: if there is no such method, option or value; names the key and the nearest known name.
    """
    try:
        check_name(name)
    except ConfigError as error:
        raise ConfigError(f"optimizer.method: {error}") from None
    try:
        return build(name, options)
    except ConfigError as error:
        raise ConfigError(f"optimizer.{error}") from None


def build(name: str, options: Mapping[str, str] | None = None) -> Method:
    """The method called `name`. The name may carry options too, which override `options`: `admire+kernel=rbf+acquisition=ucb`.

    Raises:
        ConfigError: if the method has no such option, or the option no such value.
    """
    method, size = _parts(name)
    given = {**(options or {}), **_options(name)}
    check_options(name, given)
    module, _, attribute = METHODS[method].path.partition(":")
    made = getattr(importlib.import_module(module), attribute)(**given)
    if size is None:
        return made
    from admire.optimize.transfer import Transfer

    return Transfer(made, size)


def _options(name: str) -> dict[str, str]:
    """The options that a name carries behind its plus signs."""
    return dict(part.partition("=")[::2] for part in name.split("+")[1:])


def _parts(name: str) -> tuple[str, str | None]:
    """The method's name and, for `transfer:<method>@<size>`, the size; otherwise None.

    Raises:
        ConfigError: if a transfer names no method or no size.
    """
    name = name.partition("+")[0]
    if not name.startswith(TRANSFER):
        return name, None
    method, at, size = name.removeprefix(TRANSFER).partition("@")
    if not at or not size:
        raise ConfigError(f"method '{name}' does not say which size is carried over; write transfer:{method}@<size>")
    return method, size
