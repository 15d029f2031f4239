"""Prompts that the model cannot read whole are refused before they are scored, or counted to the item."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admire.campaign.schema.evaluation import Benchmarks
from admire.errors import ConfigError
from admire.evaluate import lm_eval_suite
from admire.evaluate.prompts import repeated_items

CHOICE = (
    "output_type: multiple_choice\ndoc_to_choice: [x, '{long}']\nmetric_list: [{{metric: acc, aggregation: mean}}]\n"
)
WORDS = (
    "output_type: generate_until\ngeneration_kwargs: {{until: ['\\n'], max_gen_toks: {answer}}}\n"
    "metric_list: [{{metric: exact_match, aggregation: mean}}]\n"
)
WINDOWS = "output_type: loglikelihood_rolling\nmetric_list: [{{metric: bits_per_byte}}]\n"


@pytest.fixture
def suite(tmp_path):
    """A suite of one task or several, each on questions of the given lengths in characters."""

    def make(kind, lengths, letter="x", long="y", answer=4, more="", name="odd", **settings):
        rows = tmp_path / f"{name}.jsonl"
        questions = [f"{number:3}" + letter * (length - 3) for number, length in enumerate(lengths)]
        rows.write_text("".join(json.dumps({"q": question, "a": 0}) + "\n" for question in questions))
        target = "" if kind == WINDOWS else "'{{a|int}}'"
        (tmp_path / f"{name}.yaml").write_text(
            f"task: {name}\ndataset_path: json\ndataset_kwargs: {{data_files: {{test: {rows}}}}}\ntest_split: test\n"
            f"doc_to_text: '{'' if kind == WINDOWS else '{{q}}'}'\ndoc_to_target: {target or repr('{{q}}')}\n"
            f"{kind.format(long=long, answer=answer)}{more}\n"
        )
        metric = {CHOICE: "acc", WORDS: "exact_match", WINDOWS: "bits_per_byte"}[kind]
        return Benchmarks(kind="lm-eval", tasks={name: metric}, include_path=str(tmp_path), batch_size=4, **settings)

    return make


# the tiny model reads 512 bytes; an answer of a choice comes after a blank, and the last token is not read
@pytest.mark.parametrize(
    ("kind", "lengths", "cut", "more"),
    [
        (CHOICE, (20, 511, 512, 900), 2, {}),
        (CHOICE, (20, 502, 503), 1, {"long": "y" * 10}),
        (WORDS, (20, 508, 509, 700), 2, {}),
        (WORDS, (20, 412, 413), 1, {"answer": 100}),
        (CHOICE, (20, 300), 1, {"letter": "é"}),  # two bytes a letter
        (WORDS, (200, 200, 200), 3, {"more": "num_fewshot: 2\nfewshot_split: test"}),
        (WORDS, (20, 507), 1, {"chat_template": True}),
    ],
)
def test_items_that_would_be_cut_are_counted_and_refused(tiny_model, suite, kind, lengths, cut, more):
    settings = {key: more.pop(key) for key in ("chat_template",) if key in more}
    words = f"prompts of {cut} of the {len(lengths)} items of odd are longer than the 512 tokens .*cut_prompts: true"
    with pytest.raises(ConfigError, match=words):
        lm_eval_suite.scores(None, suite(kind, lengths, **more, **settings), tiny_model, "test")
    said = Counter()
    scored = lm_eval_suite.scores(
        None, suite(kind, lengths, **more, **settings, cut_prompts=True), tiny_model, "test", said
    )
    assert scored["odd"].n == len(lengths) and said["items whose prompt was cut: odd"] == cut


@pytest.mark.parametrize(("kind", "lengths"), [(CHOICE, (20, 511)), (WORDS, (508, 20)), (WINDOWS, (20, 2000))])
def test_what_fits_is_scored(tiny_model, suite, kind, lengths):
    said = Counter()
    assert lm_eval_suite.scores(None, suite(kind, lengths), tiny_model, "test", said)["odd"].value >= 0
    assert not +said


def test_every_task_is_looked_at_before_the_first_is_scored(tiny_model, suite, monkeypatch):
    from lm_eval.models.huggingface import HFLM

    suite(CHOICE, (600, 20), name="first")
    both = suite(WORDS, (600, 601, 20), name="second")
    both = both.model_copy(update={"tasks": {"first": "acc", "second": "exact_match"}})
    for method in ("loglikelihood", "generate_until"):
        monkeypatch.setattr(HFLM, method, lambda *_told, **_more: pytest.fail("the model was asked"))
    with pytest.raises(ConfigError, match=r"1 of the 2 items of first, 2 of the 3 items of second"):
        lm_eval_suite.scores(None, both, tiny_model, "test")


@pytest.mark.parametrize(
    ("kind", "more", "words"),
    [
        (WORDS, {"answer": 512}, "tasks.odd: answers may have 512 tokens .*reads 512"),
        (CHOICE, {"long": "y" * 600}, "tasks.odd: an answer has 60. tokens, and the model reads 512"),
    ],
)
def test_answers_that_cannot_fit_are_refused_also_with_consent(tiny_model, suite, kind, more, words):
    with pytest.raises(ConfigError, match=words):
        lm_eval_suite.scores(None, suite(kind, (20,), cut_prompts=True, **more), tiny_model, "test")


def test_items_that_stand_there_repeatedly_are_counted(tiny_model, suite, tmp_path):
    asked = suite(CHOICE, (20, 20, 20))
    rows = (tmp_path / "odd.jsonl").read_text().splitlines()
    (tmp_path / "odd.jsonl").write_text("\n".join([*rows, rows[0], rows[0], rows[1]]) + "\n")
    said = Counter()
    lm_eval_suite.scores(None, asked, tiny_model, "test", said)
    assert +said == {"items that stand there repeatedly: odd": 3}


@given(
    st.lists(
        st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3) | st.lists(st.booleans()), max_size=3)
    )
)
def test_repeated_items_are_those_beyond_the_first(documents):
    different = [
        one
        for place, one in enumerate(documents)
        if json.dumps(one, sort_keys=True) not in {json.dumps(other, sort_keys=True) for other in documents[:place]}
    ]
    assert repeated_items(documents) == len(documents) - len(different)
