"""Warnings of libraries are counted by kind, printed nowhere, and the loggers are afterwards as they were."""

import logging
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admire.trials.complaints import KINDS, LIBRARIES, counted


def test_equal_messages_are_one_kind_whatever_their_numbers(capsys):
    with counted() as said:
        for length in (512, 1024.5, 7):
            logging.getLogger("lm_eval.models.huggingface").warning(f"Truncating {length} tokens from the left.")
            logging.getLogger("transformers.generation").warning("cut at %s of %s", length, "text")
            warnings.warn(f"{length} rows are odd", UserWarning, stacklevel=1)
        logging.getLogger("datasets").info("nothing")
        logging.getLogger("mine").debug("nothing")
    assert said == {
        "lm_eval: Truncating # tokens from the left.": 3,
        "transformers: cut at %s of %s": 3,
        "python: # rows are odd": 3,
    }
    assert capsys.readouterr() == ("", "")


def test_errors_are_counted_and_printed(capsys):
    with counted() as said:
        logging.getLogger("trl").error("it broke")
    assert said == {"trl: it broke": 1} and "it broke" in capsys.readouterr().err


def test_deprecations_and_what_is_said_elsewhere_are_no_warnings():
    with counted() as said, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        logging.getLogger("lm_eval").warning(
            "[Task: x] metric acc is defined, but higher_is_better is not. using default"
        )
    assert not said


@pytest.mark.parametrize("broken", [False, True])
def test_loggers_are_as_before(broken):
    logger, own = logging.getLogger("trl"), logging.NullHandler()
    logger.addHandler(own)
    states = [(logging.getLogger(name).handlers[:], logging.getLogger(name).level) for name in LIBRARIES]
    show = warnings.showwarning
    try:
        with counted():
            if broken:
                raise ValueError
    except ValueError:
        pass
    assert states == [(logging.getLogger(name).handlers[:], logging.getLogger(name).level) for name in LIBRARIES]
    assert warnings.showwarning is show
    logger.removeHandler(own)


@given(st.lists(st.text(max_size=20), max_size=200))
def test_none_is_lost_and_kinds_are_few(messages):
    with counted() as said:
        for message in messages:
            logging.getLogger("accelerate").warning(message)
    assert said.total() == len(messages) and len(said) <= KINDS + 1
