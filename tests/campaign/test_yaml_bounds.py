"""A task file can ask for much memory or a deep recursion as little as a campaign file can."""

import pytest

from admire.campaign import task_files
from admire.errors import ConfigError

LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
TOWER = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 90))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LAUGHS, "100,000 values, aliases counted"),
        ("metadata: " + "[" * 100_000, "64 levels"),
        ("metadata: " + "{a: " * 100_000, "64 levels"),
        ("- " * 100_000, "64 levels"),
        (TOWER, "64 levels"),
        ("metadata: &a [*a]\n", "within what it stands for"),
        ("metadata: &a {b: {c: *a}}\n", "within what it stands for"),
        ("metadata: [" + "1," * 100_001 + "]\n", "100,000 values"),
        ("# " + "x" * 10_000_001, "more than 10 MB"),
        ("metadata: *nobody\n", "undefined alias"),
    ],
)
def test_what_hurts_is_refused_in_one_sentence(text, words, tmp_path):
    (tmp_path / "riddles.yaml").write_text(f"task: riddles\n{text}" if text[0] not in "-#" else text)
    with pytest.raises(ConfigError, match=r"riddles.yaml: this task file cannot be read") as refused:
        task_files.read(tmp_path / "riddles.yaml")
    assert words in str(refused.value) and "\n" not in str(refused.value)


def test_ordinary_aliases_and_levels_are_read(tmp_path):
    text = "a: &a {x: [1, 2]}\nb: *a\nc: [*a, *a]\n" + "d: " + "[" * 60 + "]" * 60 + "\n"
    (tmp_path / "riddles.yaml").write_text(text)
    assert task_files.read(tmp_path / "riddles.yaml")["c"] == [{"x": [1, 2]}] * 2
