"""Module names of version 0.1.0. Scripts that import one get today's module, and a warning that names it."""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
import types
import warnings
from collections.abc import Sequence
from typing import Any

EARLIER = {
    "admire.campaign.config": (
        "admire.campaign.loading",
        "admire.campaign.schema.campaign",
        "admire.campaign.schema.evaluation",
        "admire.campaign.schema.models",
        "admire.campaign.schema.resources",
        "admire.campaign.schema.sources",
        "admire.campaign.schema.training",
    ),
    "admire.campaign.course": ("admire.loop.lane_state",),
    "admire.campaign.digest": ("admire.campaign.json_hash",),
    "admire.campaign.fidelities": ("admire.campaign.fidelity",),
    "admire.data.sources": ("admire.data.prepared_source",),
    "admire.evaluate.benchmarks": ("admire.evaluate.lm_eval_suite",),
    "admire.optimize.methods": ("admire.optimize.registry",),
    "admire.optimize.surrogates.experts": ("admire.optimize.surrogates.model_average",),
    "admire.replay.case": ("admire.replay.instance",),
    "admire.replay.play": ("admire.replay.simulate",),
    "admire.space.fidelity": ("admire.space.fidelities",),
    "admire.trials.files": ("admire.trials.atomic_files",),
    "admire.trials.spec": ("admire.trials.identity",),
}


class _Finder:
    """Finds an earlier name after all others have failed, so it costs nothing where none is used.

    It does not derive from the classes of `importlib.abc`, whose import takes longer than that of this package: Slurm's stand-ins
    start every few seconds.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        loader: Any = self  # It has a loader's methods.
        return importlib.machinery.ModuleSpec(name, loader) if name in EARLIER else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        """Leave the making of the module to Python."""

    def exec_module(self, module: types.ModuleType) -> None:
        """Give the module the names of today's modules, and warn once."""
        today = EARLIER[module.__name__]
        warnings.warn(f"{module.__name__} is {' and '.join(today)} since 0.2.0", DeprecationWarning, stacklevel=2)
        for name in reversed(today):
            module.__dict__.update(
                {key: value for key, value in vars(importlib.import_module(name)).items() if not key.startswith("__")}
            )


def accept() -> None:
    """Let imports find the earlier names."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
