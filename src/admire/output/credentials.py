"""Masking of access tokens and passwords in a text before it is recorded or printed.

Three kinds are masked: tokens in the formats of hubs and clouds, passwords in addresses, and values of this process's environment
variables with secret-looking names. A secret of no known format is not found.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

MASK = "[masked]"
SHORTEST = 8  # shorter values of environment variables are not masked, because they may be ordinary words
FORMS = re.compile(
    r"\b(?:hf|api_org)_[A-Za-z0-9]{20,}"  # Hugging Face
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}"
    r"|\bglpat-[A-Za-z0-9_-]{20,}"
    r"|\bsk-[A-Za-z0-9_-]{20,}"  # OpenAI, Anthropic
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\bAIza[A-Za-z0-9_-]{35}"
    r"|\bpypi-[A-Za-z0-9_-]{20,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}"  # a JSON web token
    r"|(?<=[Bb]earer )[A-Za-z0-9._~+/=-]{8,}"
    r"|(?<=://)[^\s/:@]*:[^\s/@]+(?=@)"  # user:password@
)
SECRET_NAME = re.compile(
    r"(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_KEY|PRIVATE_KEY)(?:_|$)", re.IGNORECASE
)


def masked(text: str, environment: Mapping[str, str] | None = None) -> str:
    """The text with `MASK` in place of every secret that is recognised in it.

    Args:
        environment: environment variables whose secret values are masked; by default those of this process.
    """
    for name, value in (os.environ if environment is None else environment).items():
        if len(value) >= SHORTEST and value in text and SECRET_NAME.search(name):
            text = text.replace(value, MASK)
    return FORMS.sub(MASK, text)


def masked_value(value: Any) -> Any:
    """A copy of a JSON value in which every text is masked; keys are not."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {key: masked_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [masked_value(item) for item in value]
    return value
