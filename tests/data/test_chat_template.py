"""Chat templates that read the clock, fail, or have blocks of which the place is unknown are refused in a sentence."""

import pytest
from chat_rows import (
    USUAL,
    assistant_block,
    chats,
    made,
    talk,
)
from small_campaign import campaign, talks, write_jsonl

from admire.data.chats import Row
from admire.data.prepared_source import prepare_source
from admire.errors import AdmireError, ConfigError


def test_blocks_whose_place_cannot_be_told_are_refused():
    macro = (
        "{%- macro say(m) -%}A:{% generation %}{{ m.content }}<|end|>{% endgeneration %}{%- endmacro -%}"
        + assistant_block("{{ say(m) }}", before="")
    )
    with pytest.raises(ConfigError, match="stands in a macro, a set or a filter"):
        chats("byte_level", macro, ())
    with pytest.raises(ConfigError, match="line 1 is no Jinja"):
        chats("byte_level", "{% for %}{% generation %}", ())


@pytest.mark.parametrize(
    "clock",
    [
        "{{ strftime_now('%d %b %Y') }}",
        "{%- set date = strftime_now('%Y') if strftime_now is defined else '2024' -%}{{ date }}",
        "{% if not date_string is defined %}\n{%- set f = strftime_now -%}{% endif %}{{ f('%s') }}",
        "{# the day #}{{- 'Today: ' + now().isoformat() -}}",
    ],
)
@pytest.mark.parametrize("loss_on", ["assistant", "all"])
def test_a_template_that_reads_the_clock_is_refused(clock, loss_on):
    with pytest.raises(
        ConfigError, match=r"tokenizer\.chat_template: .*depend on when they are prepared; name .* as text"
    ):
        chats("byte_level", clock + assistant_block(USUAL), (), loss_on)


def test_a_template_that_only_speaks_of_the_clock_is_taken():
    quiet = "{# no strftime_now here: {{ now() }} #}It is now (noon). " + assistant_block(USUAL)
    assert isinstance(made(quiet, talk("strftime_now", "{{ now() }}")), Row)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("{{ nothing.more }}", "'nothing' is undefined"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ raise_exception('roles\\nmust alternate') }}", "roles must alternate"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "unsafe"),
        ("{{ messages.append(1) }}", "unsafe"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "recursion"),
        ("{% include '/etc/passwd' %}", "no loader"),
        ("{{ 'x' | nothere }}", "No filter named 'nothere'"),
    ],
)
def test_a_template_that_fails_ends_a_preparation_in_one_sentence(tmp_path, tokenizer_path, bad, words):
    (tmp_path / "t.jinja").write_text(
        "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}" + bad
    )
    rows = write_jsonl(tmp_path / "rows.jsonl", [{"messages": turns} for turns in talks()])
    sources = {name: {"files": rows, "column": "messages"} for name in ("mine", "other")}
    told = {"path": tokenizer_path, "chat_template": str(tmp_path / "t.jinja")}
    with pytest.raises(
        AdmireError, match=rf"{words}.*tokenizer\.chat_template|tokenizer\.chat_template.*{words}"
    ) as said:
        prepare_source(campaign(tmp_path / "results", sources, kind="sft", tokenizer=told), "mine")
    assert "\n" not in str(said.value)
