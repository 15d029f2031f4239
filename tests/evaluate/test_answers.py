"""Short answers are right when an accepted one is in them."""

import pytest

from admire.evaluate.answers import contains_answer


@pytest.mark.parametrize(
    ("said", "right"),
    [("It is the Beatles.", 1.0), ("BEATLES", 1.0), ("the fab four!", 1.0), ("beatlesque", 0.0), ("", 0.0)],
)
def test_case_articles_and_punctuation_do_not_matter_but_words_do(said, right):
    document = {"possible_answers": '["The Beatles", "Fab Four", ""]'}
    assert contains_answer(document, [said]) == {"contains_answer": right}
