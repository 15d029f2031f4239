"""A cache folder for Snakemake if the home folder cannot be written, because Snakemake fails with a traceback without one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path


def cache_elsewhere(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment variables to set so that Snakemake has a cache; empty if it has one already.

    The cache of Hugging Face, which usually lies beside Snakemake's, stays where it is.
    """
    usual = Path(environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME") or "/", ".cache"))
    with contextlib.suppress(OSError):
        (usual / "snakemake").mkdir(parents=True, exist_ok=True)
    if os.access(usual / "snakemake", os.W_OK | os.X_OK):
        return {}
    kept = environment.get("HF_HOME") or str(usual / "huggingface")
    return {"XDG_CACHE_HOME": str(Path(".snakemake", "cache").absolute()), "HF_HOME": kept}
