"""A cache for Snakemake where the home folder cannot be written: it ends in a traceback without one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path


def cache_elsewhere(environment: Mapping[str, str]) -> dict[str, str]:
    """What to set so that Snakemake has a cache; nothing where it has one already.

    The cache of Hugging Face, which stands beside Snakemake's as a rule, is read where it was.
    """
    usual = Path(environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME") or "/", ".cache"))
    with contextlib.suppress(OSError):
        (usual / "snakemake").mkdir(parents=True, exist_ok=True)
    if os.access(usual / "snakemake", os.W_OK | os.X_OK):
        return {}
    kept = environment.get("HF_HOME") or str(usual / "huggingface")
    return {"XDG_CACHE_HOME": str(Path(".snakemake", "cache").absolute()), "HF_HOME": kept}
