"""Corpora of conversations for fine-tuning: one of different size per skill, and small talk, which teaches no skill."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator

from admire.data.skills import SKILLS
from admire.data.synthetic_text import ANIMALS, FEELINGS, NAMES, PLACES, THINGS, WEATHER

Turns = list[dict[str, str]]

# The numbers of conversations differ on purpose: safety is scarce, and small talk abounds.
SIZES = {
    "facts": 800,
    "safety": 250,
    "reading": 2500,
    "strings": 500,
    "arithmetic": 320,
    "format": 450,
    "sentiment": 800,
}
SMALL_TALK = 4000


def skill(name: str) -> Iterator[Turns]:
    """Conversations of one question of the skill's training split and its answer."""
    for item in SKILLS[name].items("train", SIZES[name]):
        yield [{"role": "user", "content": item.question}, {"role": "assistant", "content": item.answer}]


def small_talk() -> Iterator[Turns]:
    """Conversations of one greeting or remark and a reply."""
    rng = random.Random(20)
    for _ in range(SMALL_TALK):
        name, feeling, place, thing, animal = (rng.choice(pool) for pool in (NAMES, FEELINGS, PLACES, THINGS, ANIMALS))
        said = rng.choice([f"Hello, I am {name}. I feel {feeling} today.", f"I saw a {animal} at {place}, {name}."])
        reply = rng.choice([f"Hello {name}. {rng.choice(WEATHER)} here.", f"A {animal}? I saw {thing} at {place}."])
        yield [{"role": "user", "content": said}, {"role": "assistant", "content": reply}]


CONVERSATIONS: dict[str, Callable[[], Iterator[Turns]]] = {
    **{f"chat-{name}": functools.partial(skill, name) for name in SIZES},
    "chat-small-talk": small_talk,
}
