"""Text that others wrote, where it leaves for a page, a CSV, a terminal or a record."""

import csv
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from admire.output import markdown
from admire.output.credentials import MASK, masked
from admire.output.screen import MOST_SAID, Screen, printable, sentence
from admire.output.spreadsheet import FORMULA, csv_text, frame_text, plain
from admire.replay import cells
from admire.trials.records import TrainRecord, publish

ROOT = Path(__file__).parents[2]
SECRETS = [
    "hf_" + "aB3" * 11,
    "ghp_" + "a1" * 18,
    "github_pat_" + "1A_" * 10,
    "glpat-" + "x-Y" * 8,
    "sk-ant-" + "a1B" * 12,
    "AKIA" + "ABCD" * 4,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP",
    "someone:pa55word",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_known_forms_of_tokens_are_masked(secret):
    address = f"401 for https://{secret}@hub/x" if ":" in secret else f"401 for {secret}: not allowed"
    assert secret not in masked(address) and MASK in masked(address) and masked(address).startswith("401 for")


def test_the_values_of_secret_variables_are_masked_and_words_are_not():
    said = "cannot reach the hub as swordfish-1 from /home/ada, 0123456789abcdef0123456789abcdef01234567"
    assert masked(
        said, {"MY_API_KEY": "swordfish-1", "HOME": "/home/ada", "TOKENIZERS_PARALLELISM": "cannot reach"}
    ) == (said.replace("swordfish-1", MASK))


def test_what_is_recorded_holds_no_token(tmp_path):
    record = TrainRecord(
        status="failed", digest="0" * 16, reason=f"401 {SECRETS[0]}", provenance={"note": [SECRETS[1]]}
    )
    publish(tmp_path / "train.json", record)
    kept = "".join(path.read_text() for path in tmp_path.rglob("*.json"))
    assert MASK in kept and not any(secret in kept for secret in SECRETS)


@given(st.text())
def test_a_terminal_is_told_nothing_to_obey(text):
    shown = printable(text)
    assert all(one in "\n\t" or one.isprintable() or ord(one) > 0x9F for one in shown)
    assert "\x1b" not in shown and "\u202e" not in shown


def test_progress_bars_are_drawn_and_escape_sequences_are_shown():
    stream = io.StringIO()
    Screen(stream, bars=True).write("\r50%\x1b[A\x1b[31mred\x07")
    assert stream.getvalue() == "\r50%\x1b[A\\x1b[31mred\\x07"


def test_a_command_shows_a_names_escape_sequences(tmp_path):
    """From a column's name in a stranger's table to the terminal."""
    table = tmp_path / "runs.csv"
    table.write_text("size,cost,\x1b]0;owned\x07\x1b[2J,weight:a\n1B,1,2,1\n")
    command = [sys.executable, "-m", "admire.cli.main", "replay", "table", str(table), "--target-size", "1B"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr + done.stdout and "\x07" not in done.stderr + done.stdout


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"), max_size=20)


@given(
    st.lists(st.tuples(texts, st.one_of(texts, st.sampled_from(["=1+1", "@x", "+x", "-x", "\tx", "'=x"]))), min_size=1)
)
def test_no_cell_is_a_formula_and_every_text_comes_back(rows):
    text = csv_text(["a", "@b"], [{"a": a, "@b": b} for a, b in rows])
    head, *read = csv.reader(io.StringIO(text))
    for found in (head, *read):
        for one in found:
            assert (
                not FORMULA.match(one)
                or one.startswith("'")
                or one.lstrip("+-").replace(".", "").isdigit()
                or _number(one)
            )
    assert [plain(one) for one in head] == ["a", "@b"]
    assert [tuple(map(plain, line)) for line in read] == rows


def _number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_numbers_stay_numbers(tmp_path):
    text = csv_text(["x", "y"], [{"x": -1.5, "y": "-2e-05"}])
    assert text == "x,y\n-1.5,-2e-05\n"
    path = tmp_path / "runs.csv"
    path.write_text(frame_text(pd.DataFrame({"@method": ["=cmd|' /C calc'!A0", "b"], "cost": [-1.0, 2.0]})))
    assert path.read_text().splitlines()[:2] == ["'@method,cost", "'=cmd|' /C calc'!A0,-1"]
    frame = cells.read(path, ["@method", "cost"])
    assert list(frame["@method"]) == ["=cmd|' /C calc'!A0", "b"] and list(frame["cost"]) == [-1.0, 2.0]


@pytest.mark.parametrize(
    "hostile",
    [
        "<img src=x onerror=alert(1)>",
        "a|b",
        "`x` <b>",
        "[x](javascript:alert(1))",
        "![x](http://a/b)",
        "a\n# b",
        "</code><script>",
        "~~a~~",
    ],
)
def test_markdown_shows_texts_as_they_are(hostile):
    for made in (markdown.inline(hostile), markdown.code(hostile)):
        assert "\n" not in made
    shown = markdown.inline(hostile)
    assert "<" not in shown and "|" not in shown.replace("\\|", "") and "[" not in shown.replace("\\[", "")
    longest = max(len(run) for run in re.findall("`+", hostile + "`"))
    assert markdown.code(f"{hostile}`").startswith("`" * (longest + 1))
    assert markdown.block("a\n```\n<b>").startswith("````\n")


def test_figures_typeset_no_formula(tmp_path):
    from admire.report import style

    with style.figure(2.0) as (made, axes):
        axes[0].plot([0.01, 100], [0, 1], label=r"$\frac{")
        style.cost_axis(axes[0], r"cost in $\frac{")
        made.legend()
        assert style.save(made, tmp_path, "figure").is_file()
        ticks = [text.get_text() for text in axes[0].get_xticklabels()]
    assert "1" in ticks and not any("$" in tick for tick in ticks)


def test_a_failure_with_a_token_is_masked_on_the_terminal(tmp_path):
    secret = "hf_" + "Zz9" * 11
    command = [sys.executable, "-m", "admire.cli.main", "plan", str(tmp_path / f"{secret}.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 1 and secret not in done.stderr and MASK in done.stderr


@pytest.mark.parametrize(
    "quoted", ["x\nadmire plan: nothing stands in the way", "a\x1b[2K\rb", "long " * 50_000, "y" * 10**6]
)
def test_a_refusal_is_one_line_whatever_it_quotes(quoted):
    said = sentence(f"c.yaml: {quoted}: unknown key; correct it\n")
    assert len(said) < MOST_SAID + 10 and said.startswith("c.yaml: ") and said.endswith(": unknown key; correct it")
    assert "\n" not in said and "\r" not in said and "\x1b" not in said
