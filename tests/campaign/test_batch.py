"""A batch is shared without a remainder, or refused with the mend."""

import pytest

from admire.campaign.batch import Batch, share
from admire.errors import ConfigError


@pytest.mark.parametrize(
    ("batch", "processes", "at_once", "expected"),
    [
        (128, 1, None, Batch(128, 1)),
        (128, 8, None, Batch(16, 1)),
        (128, 8, 4, Batch(4, 4)),
        (128, 16, 64, Batch(8, 1)),
    ],
)
def test_every_row_is_computed_once(batch, processes, at_once, expected):
    assert share(batch, processes, at_once) == expected
    assert expected.rows * expected.passes * processes == batch


@pytest.mark.parametrize(
    ("batch", "processes", "at_once", "words"),
    [(100, 8, None, "100 rows cannot be divided among 8"), (128, 8, 5, "no multiple of 5; set it to 4")],
)
def test_a_remainder_is_refused(batch, processes, at_once, words):
    with pytest.raises(ConfigError, match=words):
        share(batch, processes, at_once)
