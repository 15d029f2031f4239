"""Rows that are left out or cut: counted with their reason, printed, kept in the card, found, and refused when they are many."""

import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from small_campaign import CHAT, campaign, talks, write_jsonl

from admire.campaign.schema.sources import HeldOut
from admire.cli.main import main
from admire.data.documents import Read
from admire.data.left_out import A_HANDFUL, WORDS, Tally
from admire.data.prepared_source import prepare_source
from admire.data.splits import placed
from admire.errors import ConfigError, SourceError
from admire.health.check import findings
from admire.preflight.sources import check_sources
from admire.trials.atomic_files import read_json, write_json

SFT = {"kind": "sft", "sequence_length": 40, "batch_size": 4, "learning_rate": 1e-3}


def chats(folder, tokenizer_path, rows, **entry):
    """A campaign with the source `mine` of these conversations; held-out rows are all kept."""
    file = write_jsonl(folder / "mine.jsonl", [{"messages": row} for row in rows])
    return campaign(
        folder / "results",
        {"mine": {"files": file, "column": "messages"} | entry, "other": {"corpus": "chat-format"}},
        kind="sft",
        training=SFT,
        tokenizer={"path": tokenizer_path, "chat_template": CHAT},
        held_out={"validation": 0.2, "test": 0.2, "max_rows": 9999},
    )


def named(role, n):
    return [[{"role": "user", "content": f"{i}?"}, {"role": role, "content": "yes"}] for i in range(n)]


def late(n):
    return [
        [{"role": "user", "content": f"{i} {'long ' * 40}"}, {"role": "assistant", "content": "lost"}] for i in range(n)
    ]


def typed(asked, folder, capsys):
    """What `admire prepare-source mine` prints and exits with."""
    (folder / "c.yaml").write_text(yaml.safe_dump(asked.model_dump(mode="json", exclude_defaults=True)))
    code = main(["prepare-source", "mine", "--campaign", str(folder / "c.yaml")])
    told = capsys.readouterr()
    return code, told.out + told.err


@pytest.mark.parametrize(
    ("bad", "reason", "words"),
    [
        (
            named("helper", 90),
            "without_assistant",
            r"with no turn of an assistant \(first: .*mine\.jsonl:61, its turns are of user, helper\)",
        ),
        (late(60), "behind_the_cut", r"whose first answer begins behind .*first: .*mine\.jsonl:61"),
        (named("assistant\ud800", 30), "no_text", r"half a surrogate pair"),
    ],
)
def test_many_rows_left_out_are_refused_with_reason_count_and_place(
    tmp_path, tokenizer_path, capsys, bad, reason, words
):
    asked = chats(tmp_path, tokenizer_path, talks() + bad)
    code, told = typed(asked, tmp_path, capsys)
    assert code == 1
    assert re.search(
        rf"sources\.mine: {len(bad)} of {60 + len(bad)} documents \(\d+(\.\d)? %\) would be left out, more than", told
    )
    assert re.search(words, told)
    assert "sources.mine.left_out_at_most" in told
    meant = chats(tmp_path, tokenizer_path, talks() + bad, left_out_at_most=0.9)
    code, told = typed(meant, tmp_path, capsys)
    assert code == 0
    assert re.search(rf"^mine: {len(bad)} of .* LEFT OUT: {len(bad)} ", told, re.MULTILINE)
    (finding,) = findings(meant)
    assert finding.kind == "left out"
    assert re.search(words, finding.sentence)
    assert read_json(next((tmp_path / "results").glob("sources/mine/*/card.json")))["dropped"][reason] == len(bad)


def test_a_handful_of_a_small_source_is_told_and_stops_it_only_when_asked(tmp_path, tokenizer_path, capsys):
    code, told = typed(chats(tmp_path, tokenizer_path, talks(20) + named("gpt2", A_HANDFUL)), tmp_path, capsys)
    assert code == 0
    assert "mine: 10 of 30 documents (33.3 %) LEFT OUT" in told
    asked = chats(tmp_path, tokenizer_path, talks(20) + named("gpt2", 1), revision="one", left_out_at_most=0)
    with pytest.raises(SourceError, match=r"sources\.mine: 1 of 21 documents"):
        prepare_source(asked, "mine")


def test_cut_rows_are_said_in_bold_words(tmp_path, tokenizer_path, capsys):
    cut = [[*talk, {"role": "user", "content": "and " * 30}] for talk in talks(30)]
    asked = chats(tmp_path, tokenizer_path, cut)
    code, told = typed(asked, tmp_path, capsys)
    assert code == 0
    assert "mine: 30 of 30 documents (100 %) CUT to training.sequence_length" in told
    assert [finding.kind for finding in findings(asked)] == ["cut"]


def test_what_is_little_is_printed_and_no_finding(tmp_path, tokenizer_path, capsys):
    asked = chats(tmp_path, tokenizer_path, talks(300) + late(1))
    assert "1 of 301 documents (0.332 %) left out: 1 whose first answer" in typed(asked, tmp_path, capsys)[1]
    assert findings(asked) == []


def test_the_source_whose_rows_are_all_left_out_says_why(tmp_path, tokenizer_path):
    with pytest.raises(SourceError, match=r"leave no row for the train split \(5 of 5 .* LEFT OUT: 5 with no turn of"):
        prepare_source(chats(tmp_path, tokenizer_path, named("gpt2", 5)), "mine")


def test_what_may_be_left_out_changes_no_name_and_is_asked_again(tmp_path, tokenizer_path):
    rows = talks(30) + late(20)
    meant = chats(tmp_path, tokenizer_path, rows, left_out_at_most=0.5)
    card = prepare_source(meant, "mine")
    strict = chats(tmp_path, tokenizer_path, rows)
    assert prepare_source(meant, "other")
    assert prepare_source(strict, "other")
    with pytest.raises(ConfigError, match=r"c\.yaml: sources\.mine: 20 of 50 documents \(40 %\) would be left out"):
        check_sources(strict, "c.yaml")
    earlier = read_json(card)
    del earlier["first_dropped"]  # as a version wrote it that did not refuse
    write_json(card, earlier)
    check_sources(strict, "c.yaml")


@given(
    st.lists(st.tuples(st.sampled_from(sorted(WORDS)), st.integers(0, 3)), max_size=20),
    st.integers(0, 20),
)
def test_a_tally_is_the_sum_of_its_parts_however_they_are_kept(parts, cut):
    one, kept = Tally(), Tally()
    for number, (reason, n) in enumerate(parts):
        part = Tally(documents=n + 1, cut=cut)
        for _ in range(n):
            part.leave_out(reason, f"place {number}")
            one.leave_out(reason, f"place {number}")
        one.documents, one.cut = one.documents + n + 1, one.cut + cut
        kept = Tally.of(kept.to_json())  # as after a kill
        kept.add(part)
    assert kept == one
    assert sum(kept.left_out.values()) <= kept.documents or not kept.documents


@given(st.lists(st.sampled_from(["text", "  ", "\n", "b\ud800"]), min_size=1, max_size=40))
def test_every_text_is_a_row_or_counted(rows):
    tally = Tally()
    kept = list(placed([Read(text, "here") for text in rows], HeldOut(), tally))
    assert len(kept) + tally.left_out.total() == tally.documents == len(rows)


def test_rows_in_are_rows_out_and_rows_counted(tmp_path, tokenizer_path, capsys):
    call = {"type": "function", "function": {"name": "clock", "arguments": {}}}
    calls = [
        [{"role": "user", "content": f"{i}?"}, {"role": "assistant", "content": "", "tool_calls": [call]}]
        for i in range(4)
    ]
    muted = [[talk[0], talk[1] | {"weight": 0}] for talk in talks(3)]
    spoken = [[talk[0], talk[1] | {"content": "<|end|> it"}] for talk in talks(12)]
    asked = chats(tmp_path, tokenizer_path, [*talks(50), *calls, *muted, *spoken, *late(2)], left_out_at_most=0.5)
    code, told = typed(asked, tmp_path, capsys)
    assert code == 0
    card = read_json(next((tmp_path / "results").glob("sources/mine/*/card.json")))
    assert card["dropped"] == {
        "blank": 0,
        "without_assistant": 0,
        "with tool_calls that the chat template renders to nothing": 4,
        "nothing_learnt": 3,
        "behind_the_cut": 2,
    }
    assert "mine.jsonl:51: turn 2 (assistant): the chat template renders tool_calls to nothing" in told
    assert card["documents"] == 71 == sum(card["dropped"].values()) + sum(s["rows"] for s in card["splits"].values())


def test_rows_that_are_held_out_beyond_those_scored_are_counted(tmp_path, tokenizer_path):
    asked = chats(tmp_path, tokenizer_path, talks(60))
    few = asked.model_copy(update={"held_out": asked.held_out.model_copy(update={"max_rows": 2})})
    splits = read_json(prepare_source(few, "mine"))["splits"]
    assert sum(split["rows"] + split.get("rows_beyond_max_rows", 0) for split in splits.values()) == 60
    assert splits["test"]["rows"] == 2


def test_a_template_that_teaches_no_end_of_the_turn_is_noted(tmp_path, tokenizer_path, capsys):
    template = tmp_path / "open.jinja"
    template.write_text(
        "{% for m in messages %}{% if m.role == 'assistant' %}<|assistant|>{% generation %}{{ m.content }}{% endgeneration %}"
        "{% else %}<|{{ m.role }}|>{{ m.content }}{% endif %}<|end|>{% endfor %}"
    )
    asked = chats(tmp_path, tokenizer_path, talks(30))
    asked = asked.model_copy(update={"tokenizer": asked.tokenizer.model_copy(update={"chat_template": str(template)})})
    code, told = typed(asked, tmp_path, capsys)
    assert code == 0
    assert told.count("does not learn to end its turn") == 1
    (finding,) = findings(asked)
    assert finding.kind == "note"
