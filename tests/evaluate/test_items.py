"""Nothing that a task asks was taught, and validation and test ask different things."""

import pytest

from admire.campaign.json_hash import digest
from admire.data.skills import SKILLS
from admire.data.synthetic_chats import CONVERSATIONS, SIZES
from admire.evaluate.items import ITEMS, items

# A change here changes what scores mean: raise `metadata.version` in the task's YAML with it, and campaigns score anew.
GOLDEN = {
    "facts": "d3984ea5c008363d",
    "safety": "49d04d22b7805ade",
    "reading": "73ac05da58939a30",
    "strings": "f2cc4671a70147ce",
    "arithmetic": "430f383cef781cd4",
    "format": "2bd976daedd64b18",
    "sentiment": "4368d621af7105ed",
    "story_sums": "ff81f3320c3109e8",
    "reworded_facts": "a7a619dca77b2427",
}


def questions(skill, split):
    return set(items(skill, admire_split=split)["items"]["question"])


@pytest.mark.parametrize("skill", SKILLS)
def test_splits_are_disjoint(skill):
    taught = {
        turn["content"] for corpus in CONVERSATIONS.values() for conversation in corpus() for turn in conversation
    }
    validation, test = questions(skill, "validation"), questions(skill, "test")
    assert len(validation) == len(test) == ITEMS
    assert not validation & test and not (validation | test) & taught


@pytest.mark.parametrize("skill", SIZES)
def test_what_is_held_out_is_the_subject_not_the_wording(skill):
    import random

    rng, by_split = random.Random(0), {"train": set(), "validation": set(), "test": set()}
    for _ in range(500):
        subject, _item = SKILLS[skill].draw(rng)
        by_split[SKILLS[skill].split_of(subject)].add(subject)
    assert all(by_split.values()) and len(by_split["train"]) > len(by_split["test"])


@pytest.mark.parametrize("skill", SKILLS)
def test_every_item_has_one_right_answer_among_several(skill):
    for row in items(skill)["items"]:
        assert len(set(row["choices"])) == len(row["choices"]) >= 2
    places = [row["answer"] for row in items(skill)["items"]]
    assert len(set(places)) > 1  # the place of the right answer gives nothing away


def test_items_are_what_they_were():
    assert {
        skill: digest([row for split in ("validation", "test") for row in items(skill, split)["items"]])
        for skill in SKILLS
    } == GOLDEN
