"""Corpora made from a seed: arithmetic, string algorithms, short stories. Each trains a different skill."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator


def listed(text: str) -> list[str]:
    """The parts of a comma-separated text, without blanks around them."""
    return [part.strip() for part in text.split(",")]


WORDS = listed(
    "river, stone, cloud, paper, winter, garden, silver, lantern, bridge, market, harbour, kitchen, feather, "
    "mountain, window, candle, basket, ladder, meadow, pocket, thunder, violin, engine, copper, island, needle, "
    "blanket, orchard, pepper, saddle, tunnel, whistle"
)
NAMES = listed(
    "Ada, Ben, Clara, David, Emma, Felix, Greta, Hugo, Ines, Jonas, Kira, Leo, Mara, Nils, Olga, Paul, Rosa, Sven, "
    "Tara, Viktor"
)
ANIMALS = listed("fox, owl, hare, bear, frog, crow, otter, mouse, goose, wolf")
PLACES = listed("the forest, the old mill, the market, the harbour, a small house, the hill, the garden, the river")
THINGS = listed("a lantern, a silver key, a loaf of bread, a wooden boat, a red kite, a map, a bell, a blue stone")
FEELINGS = listed("happy, tired, afraid, curious, proud, hungry, sad, brave")
WEATHER = listed(
    "It was raining, The sun was shining, Snow lay on the roofs, A cold wind blew, The night was clear, Fog hung low"
)


def arithmetic() -> Iterator[str]:
    """3,000 documents of twelve solved sums each. About 0.6 MB."""
    rng = random.Random(1)
    for _ in range(3000):
        yield "\n".join(_sum(rng) for _ in range(12))


def string_algorithms() -> Iterator[str]:
    """3,000 documents of eight string operations each, with results. About 0.8 MB."""
    rng = random.Random(2)
    for _ in range(3000):
        yield "\n".join(_string_operation(rng) for _ in range(8))


def stories() -> Iterator[str]:
    """2,500 short stories. To predict their ends, a model must remember which thing was lost, and where. About 1.2 MB."""
    rng = random.Random(3)
    for _ in range(2500):
        yield _story(rng)


def _sum(rng: random.Random) -> str:
    a, b = rng.randrange(1, 100), rng.randrange(1, 100)
    kind = rng.randrange(5)
    if kind == 0:
        return f"{a} + {b} = {a + b}"
    if kind == 1:
        return f"{max(a, b)} - {min(a, b)} = {abs(a - b)}"
    if kind == 2:
        return f"{a} * {b % 13} = {a * (b % 13)}"
    if kind == 3:
        return f"{a} = {a // (b % 9 + 1)} * {b % 9 + 1} + {a % (b % 9 + 1)}"
    name, thing = rng.choice(NAMES), rng.choice(WORDS)
    return f"{name} has {a} {thing}s and gets {b} more. {name} has {a + b} {thing}s."


def _string_operation(rng: random.Random) -> str:
    word, other = rng.choice(WORDS), rng.choice(WORDS)
    letter, turn = rng.choice(word), rng.randrange(1, 4)
    operations: list[Callable[[], str]] = [
        lambda: f"reverse({word}) = {word[::-1]}",
        lambda: f"sort({word}) = {''.join(sorted(word))}",
        lambda: f"upper({word}) = {word.upper()}",
        lambda: f"count({word}, {letter}) = {word.count(letter)}",
        lambda: f"rotate({word}, {turn}) = {word[turn:] + word[:turn]}",
        lambda: f"join({word}, {other}) = {'-'.join([word, other])}",
        lambda: f"vowels({word}) = {''.join(c for c in word if c in 'aeiou')}",
        lambda: f"shift({word}) = {''.join(chr((ord(c) - 96) % 26 + 97) for c in word)}",
    ]
    return rng.choice(operations)()


def _story(rng: random.Random) -> str:
    hero, friend = rng.sample(NAMES, 2)
    animal, thing, feeling = rng.choice(ANIMALS), rng.choice(THINGS), rng.choice(FEELINGS)
    home, lost = rng.sample(PLACES, 2)
    it = thing.split(" ", 1)[1]
    middle = [
        f'On the way {hero} met a {animal}. "Have you seen my {it}?" asked {hero}. "Try {lost}," said the {animal}.',
        f"{friend} came along and offered to help. Together they walked from {home} to {lost}.",
        f'"I am {feeling}," said {hero}. "So am I," said {friend}, and they laughed.',
        f"They looked under every {rng.choice(WORDS)} and behind every {rng.choice(WORDS)}, but in vain.",
        f"The {animal} followed them all the way and said nothing.",
    ]
    rng.shuffle(middle)
    told = " ".join(middle[: rng.randrange(2, 6)])
    return (
        f"{rng.choice(WEATHER)} when {hero} left {home}. {hero} was {feeling}, because {thing} was gone. {told} "
        f"At last they came to {lost}, and there was the {it}. {hero} took the {it} and went back to {home}. "
        f"From that day on, {hero} and the {animal} were friends."
    )
