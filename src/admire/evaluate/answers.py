"""Scoring of short answers, for task files that lm-eval lacks (`config/tulu-tasks/popqa.yaml` names the function)."""

from __future__ import annotations

import json
import re
import string
from typing import Any


def contains_answer(document: dict[str, Any], results: list[str]) -> dict[str, float]:
    """1 when one of the accepted answers stands in what the model said, whatever the case, articles and punctuation.

    Args:
        document: has `possible_answers`, a list in JSON.
        results: what the model said, one string.
    """
    said = f" {_plain(results[0])} "
    accepted = [_plain(answer) for answer in json.loads(document["possible_answers"])]
    return {"contains_answer": float(any(f" {answer} " in said for answer in accepted if answer))}


def _plain(text: str) -> str:
    """Words in lower case, without articles and punctuation, a space between two."""
    text = text.lower().translate(str.maketrans("", "", string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())
