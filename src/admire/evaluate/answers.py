"""Scores short answers, for tasks that lm-eval does not ship (`config/tulu-tasks/popqa.yaml` names the function)."""

from __future__ import annotations

import json
import re
import string
from typing import Any


def contains_answer(document: dict[str, Any], results: list[str]) -> dict[str, float]:
    """1 if the model's answer contains one of the accepted answers, without regard to case, articles and punctuation; else 0.

    Args:
        document: the item, of which `possible_answers` is a JSON list of the accepted answers.
        results: a list of one string, the model's answer.
    """
    said = f" {_plain(results[0])} "
    accepted = [_plain(answer) for answer in json.loads(document["possible_answers"])]
    return {"contains_answer": float(any(f" {answer} " in said for answer in accepted if answer))}


def _plain(text: str) -> str:
    """The words of a text in lower case, without articles and punctuation, separated by single spaces."""
    text = text.lower().translate(str.maketrans("", "", string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())
