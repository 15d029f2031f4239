"""One reading of a YAML: texts stay as they are written, ambiguous numbers are refused, and no input ends in anything but a
campaign or one sentence."""

import os
import re
import types
from pathlib import Path
from typing import Annotated, Union, get_args, get_origin

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from admire.campaign.loading import load, parse
from admire.campaign.reading import Plain, configuration, merge, read
from admire.campaign.schema.campaign import Campaign
from admire.campaign.typed import typed
from admire.cli.main import main
from admire.errors import ConfigError

ROOT = Path(__file__).parents[2]
TINY = (ROOT / "tests/workflow/tiny.yaml").read_text()


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """The tiny campaign with parts replaced, as a file in an empty folder; each part must be there."""
    monkeypatch.chdir(tmp_path)

    def write(*changes):
        text = TINY
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        Path("c.yaml").write_text(text)
        return "c.yaml"

    return write


@pytest.mark.parametrize(
    "name", ["no", "on", "Yes", "2024", "1e3", "null", "0123", "1.5", "0x1F", "2024-05-01", "1_000", "true"]
)
def test_a_source_is_called_as_it_is_written(tiny, name):
    campaign = load(tiny(("  strings:", f"  {name}:")))
    assert list(campaign.sources) == ["arithmetic", name, "stories"] and f"loss/{name}" in campaign.metrics


@pytest.mark.parametrize(
    "text", ["2024-05-01", "0123", "12:30", "1e3", "no", "7", "1.10", "0x10", "2024-05-01 10:00:00"]
)
def test_a_revision_is_a_text(tiny, text):
    campaign = load(tiny(("corpus: strings", f"corpus: strings, revision: {text}")))
    assert campaign.sources["strings"].revision == text
    again = parse(yaml.safe_load(yaml.safe_dump(campaign.model_dump(mode="json"))), "again")
    assert again == campaign


def test_numbers_and_booleans_are_what_they_were(tiny):
    campaign = load(
        tiny(
            ("batch_size: 8, learning_rate: 1.0e-2", "batch_size: 1_6, learning_rate: 1e-3"),
            ("model_type: llama,", "model_type: llama, attention_bias: yes, rms_norm_eps: 1e-6, vocab_size: 0x190,"),
        )
    )
    assert (campaign.training.batch_size, campaign.training.learning_rate) == (16, 1e-3)
    made = campaign.models[0].architecture
    assert made["attention_bias"] is True and made["rms_norm_eps"] == 1e-6 and made["vocab_size"] == 400
    for path in (ROOT / "config").glob("*.yaml"):
        plain = yaml.safe_load(path.read_text())
        assert load(path) == Campaign.model_validate(plain) or "total" not in plain["budget"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            ("learning_rate: 1.0e-2", "learning_rate: 12:30"),
            r"training\.learning_rate: 12:30 is read in base 60; write",
        ),
        (
            ("batch_size: 8, lear", "batch_size: 010, lear"),
            r"training\.batch_size: 010 is read in base 8; leave the leading 0",
        ),
        (
            ("learning_rate: 1.0e-2", "learning_rate: 2024-05-01"),
            r"training\.learning_rate: 2024-05-01 is read as a date",
        ),
        (("batch_size: 8, lear", f"batch_size: {'9' * 5000}, lear"), r"training\.batch_size: 9+ is no number that can"),
        (("total: 0.75", f"total: {'9' * 400}"), r"budget\.total: not a number up to 1e\+18"),
        (("total: 0.75", "total: .nan"), r"budget\.total: not a number up to"),
        (("name: tiny", f"name: {'a' * 25}z{'b' * 80}"), r"name: a name has at most 100 letters"),
        (("name: tiny", f"name: {'ab' * 20}"), r"name: a part of this name stands 20 times in a row"),
        (("  strings:", f"  {'s' * 260}:"), r"sources\.s+\.\.\.: a name has at most 100 letters"),
        (("corpus: strings", 'corpus: "str\\0ings"'), r"sources\.strings\.corpus: .*control character U\+0000"),
        (("corpus: strings", 'corpus: "\\ud800"'), r"sources\.strings\.corpus: .*U\+D800"),
        (
            ("corpus: strings", "corpus: !!python/tuple [x]"),
            r"line 6: .*the tag .*python/tuple is not read",
        ),
        (("budget:", "[a, b]: 1\nbudget:"), r"line \d+: .*a list stands as a key"),
        (("budget:", "? {a: 1}\n: 1\nbudget:"), r"line \d+: .*a mapping stands as a key"),
        (("budget:", "'name': 1\nbudget:"), r"line \d+: .*the key 'name' stands twice"),
        (("budget:", "x: &a [1, *a]\nbudget:"), r"an alias stands within what it stands for"),
        (("budget:", f"x: {'[' * 50_000}\nbudget:"), r"more than 64 levels"),
        (("budget:", "x: *nowhere\nbudget:"), r"undefined alias"),
        (("budget:", "\tx: 1\nbudget:"), r"line \d+: .*not valid YAML"),
        (("budget:", "---\nbudget:"), r"several documents"),
        (("budget:", "# \x01\nbudget:"), r"not valid YAML \(unacceptable character"),
        (("name: tiny", "__use_yte__: true\nname: tiny"), r"c\.yaml: __use_yte__: .*`admire plan FILE`"),
        (("name: tiny", "__definitions__: [x]\nname: tiny"), r"c\.yaml: __definitions__: "),
        (("name: tiny", '"\\x5f_use_yte__": yes\nname: tiny'), r"c\.yaml: __use_yte__: "),
        (("name: tiny", "<<: {__use_yte__: true}\nname: tiny"), r"c\.yaml: __use_yte__: "),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(tiny, change, sentence):
    with pytest.raises(ConfigError, match=sentence) as caught:
        load(tiny(change))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


PATHS = {
    "results": ("name: tiny", "name: tiny\nresults: {}"),
    "sources.strings.files": ("corpus: strings", "files: {}"),
    "sources.strings.dataset": ("corpus: strings", "dataset: {}"),
    "tokenizer.path": ("{vocabulary: 400, documents_per_source: 100}", "{{path: {}}}"),
    "tokenizer.chat_template": ("{vocabulary: 400,", "{{chat_template: {},"),
    "models.0.base.campaign": ("cost: 0.1", "cost: 0.1\n    base: {{model: S, campaign: {}}}"),
    "models.0.path": ("cost: 0.1", "cost: 0.1\n    path: {}"),
    "evaluation.more.include_path": (
        "  loss:",
        "  more: {{kind: lm-eval, tasks: {{x: acc}}, include_path: {}}}\n  loss:",
    ),
}


@pytest.mark.parametrize("key", PATHS)
@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ('"~nobody-here/y"', "~ is the home folder, and there is none of that name; write the whole path"),
        ('"./-x"', "begins with - is taken for an option"),
        ('""', "should have at least 1 character"),
        ('" x"', "begins or ends with a blank"),
        ('"x\\ny"', "holds a line break"),
        ('"x\\x7fy"', "control character"),
        ('"x\\x9b2Jy"', "control character"),
        ('"x\\u2028y"', "control character"),
        (f"some/{'ü' * 130}/x", "longer than 255 bytes"),
        ("x/" * 1501, "longer than 3,000 bytes"),
    ],
)
def test_one_rule_for_every_path(tiny, key, path, sentence):
    old, new = PATHS[key]
    with pytest.raises(ConfigError, match=re.escape(key) + r".*: .*" + sentence):
        load(tiny((old, new.format(path))))


@pytest.mark.parametrize("path", ["a{b", "}", "{campaign}"])
def test_results_hold_no_wildcard(tiny, path):
    with pytest.raises(ConfigError, match=r"c\.yaml: results: a path with [{}] is a wildcard to Snakemake"):
        load(tiny(("name: tiny", f"name: tiny\nresults: '{path}'")))


def test_a_tilde_is_the_home_folder(tiny, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    campaign = load(
        tiny(
            ("name: tiny", "name: tiny\nresults: ~/results"),
            ("{corpus: strings,", "{files: [~/a/*.jsonl, /b],"),
            ("{corpus: stories,", "{dataset: ~/d,"),
            ("{vocabulary: 400, documents_per_source: 100}", "{path: ~/t, chat_template: ~/c.jinja}"),
            ("  loss:", "  more: {kind: lm-eval, tasks: {x: acc}, include_path: ~/tasks}\n  loss:"),
        )
    )
    assert campaign.results == "/home/me/results" and campaign.sources["strings"].files == ["/home/me/a/*.jsonl", "/b"]
    assert campaign.sources["stories"].dataset == "/home/me/d" and campaign.tokenizer.path == "/home/me/t"
    assert campaign.tokenizer.chat_template == "/home/me/c.jinja"
    assert campaign.evaluation["more"].include_path == "/home/me/tasks"


def test_aliases_stand_for_a_bounded_number_of_values(tiny):
    bomb = "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12))
    with pytest.raises(ConfigError, match=r"its aliases stand for more than 100,000 values"):
        load(tiny(("budget:", f"a0: &a0 [x]\n{bomb}\nbudget:")))
    chain = "\n".join(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 70))
    with pytest.raises(ConfigError, match=r"more than 64 levels"):
        load(tiny(("budget:", f"a0: &a0 [x]\n{chain}\nbudget:")))


def test_anchors_and_merge_keys_are_read(tiny):
    resources = "{threads: 1, minutes: 5, mem_gb: 1}"
    text = TINY.replace(resources, f"&r {resources}", 1).replace(
        f"resources: {resources}", "resources: {<<: *r, minutes: 7}"
    )
    path = Path(tiny())
    path.write_text(text)
    needs = [model.resources for model in load(path).models]
    assert [one.minutes for one in needs] == [5, 7] and needs[1].mem_gb == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (TINY.encode("utf-16"), r"c\.yaml: the file is UTF-16; save it as UTF-8"),
        ((TINY + "\n# größer\n").encode("latin-1"), r"c\.yaml, line \d+: .*this is not UTF-8"),
        (b"", "expected keys with values, found nothing"),
        (b"- a\n", "found a list"),
        (b"a" * 10_000_001, "more than 10 MB"),
    ],
)
def test_bytes_that_are_no_campaign(tmp_path, monkeypatch, content, sentence):
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=sentence):
        load("c.yaml")


def test_a_byte_order_mark_is_no_part_of_the_first_key(tiny):
    path = Path(tiny())
    before = load(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load(path) == before


def test_the_workflow_reads_over_the_default(tiny, monkeypatch):
    monkeypatch.chdir(ROOT)
    raw, origin = configuration([], {"budget": {"total": "70"}})
    assert parse(raw, origin).budget.total == 70 and raw["name"] == "laptop" and origin == "config/laptop.yaml"
    whole, origin = configuration([ROOT / "config/pile.yaml"], {})
    assert whole == read(["config/pile.yaml"])[0] and origin == "config/pile.yaml"


def test_every_command_refuses_a_file_that_asks_to_be_evaluated(tiny, capsys):
    path = tiny(("name: tiny", "__use_yte__: true\n__definitions__: [\"open('ran', 'w')\"]\nname: tiny"))
    commands = [
        ["plan", path],
        ["preflight", path],
        ["status", path],
        ["prefetch", path],
        ["recommend", path],
        ["supervise", "--", "snakemake", "--cores", "1", "--configfile", path],
        ["supervise", "--", "snakemake", f"--configfiles={path}"],
        ["supervise", "--", "bash", "-c", f"exec nice snakemake --configf {path}"],
    ]
    for command in commands:
        assert main(command) == 1
        assert re.search(rf"^admire {command[0]}: c\.yaml: __use_yte__: ", capsys.readouterr().err, re.MULTILINE), (
            command
        )
    assert sorted(os.listdir()) == ["c.yaml"]


NAMES = [
    "name",
    "sources",
    "models",
    "budget",
    "path",
    "architecture",
    "results",
    "evaluation",
    "kind",
    "cost",
    "objective",
    "x",
]
texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["$(touch ran)", "`touch ran`", "; touch ran", "{x}", "{{", "../..", "~", "%s", "'", '"', "no", "\n", "${HOME}"]
    ),
)
scalars = st.one_of(
    texts, st.integers(), st.floats(), st.booleans(), st.none(), st.dates(), st.just(10**400), st.binary(max_size=4)
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.one_of(st.sampled_from(NAMES), scalars), inner, max_size=3)
    ),
    max_leaves=8,
)


def places(value, path=()):
    """Every place of a nested structure."""
    yield path
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(part, (*path, key))


PLACES = list(places(yaml.safe_load(TINY)))


def put(value, path, new):
    """The structure with `new` at a place."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(copy[path[0]], path[1:], new)
    return copy


def read_or_refused(path):
    """Read a campaign; only one sentence may come instead."""
    try:
        assert isinstance(load(path), Campaign)
    except ConfigError as error:
        assert "\n" not in str(error).strip()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(PLACES), new=anything)
def test_whatever_stands_anywhere_is_a_campaign_or_one_sentence(tmp_path, place, new):
    path = tmp_path / "c.yaml"
    path.write_text(yaml.dump(put(yaml.safe_load(TINY), place, new)), encoding="utf-8", errors="surrogatepass")
    read_or_refused(path)
    assert os.listdir(tmp_path) == ["c.yaml"]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, len(TINY)), length=st.integers(0, 40), new=st.text(max_size=20) | st.binary(max_size=20))
@example(start=0, length=0, new="%YAML 1.999999999999999999999\n---\n")
@example(start=10, length=0, new=b"\xff\xfe")
def test_whatever_bytes_are_written_into_a_file(tmp_path, start, length, new):
    path = tmp_path / "c.yaml"
    inserted = new if isinstance(new, bytes) else new.encode("utf-8", "surrogatepass")
    path.write_bytes(TINY[:start].encode() + inserted + TINY[start + length :].encode())
    read_or_refused(path)
    assert os.listdir(tmp_path) == ["c.yaml"]


def test_a_second_file_merges_before_anything_is_converted():
    assert merge({"a": {"no": Plain("1", "int")}}, {"a": {"on": "x"}}) == {"a": {"no": Plain("1", "int"), "on": "x"}}


def members(annotation):
    """The members of a union, without what annotates them."""
    if get_origin(annotation) is Annotated:
        return members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [found for one in get_args(annotation) for found in members(one)]
    return [annotation]


def numeric(annotation, place=()):
    """The places of the schema where it takes a number and no boolean; `None` stands for a list's item."""
    found = members(annotation)
    if (int in found or float in found) and bool not in found:
        yield place
    for one in found:
        if isinstance(one, type) and issubclass(one, BaseModel):
            for key, field in one.model_fields.items():
                yield from numeric(field.annotation, (*place, key))
        elif get_origin(one) is dict:
            yield from numeric(get_args(one)[1], (*place, "a"))
        elif get_origin(one) is list:
            yield from numeric(get_args(one)[0], (*place, None))


NUMERIC = sorted(set(numeric(Campaign)), key=str)


@given(st.sampled_from(NUMERIC), st.sampled_from([True, False, "yes", "no", "on", "Off", "TRUE"]))
@example(("objective", "a"), "no")
@example(("mixture", "prior", "a"), "yes")
@example(("sources", "a", "left_out_at_most"), True)
def test_a_boolean_is_no_number(place, written):
    value = Plain(written, "bool") if isinstance(written, str) else written
    for key in reversed(place):
        value = [value] if key is None else {key: value}
    name = re.escape(".".join("0" if key is None else key for key in place))
    with pytest.raises(ConfigError, match=f"^{name}: (true|false) is a boolean where a number is wanted"):
        typed(value, Campaign)


def test_every_kind_of_number_is_among_those():
    assert {("objective", "a"), ("training", "learning_rate"), ("mixture", "rows"), ("optimizer", "seed")} <= set(
        NUMERIC
    )


@pytest.mark.parametrize("null", ["~", "null", ""])
def test_a_null_does_not_take_a_condition_out_of_where(tiny, null):
    with pytest.raises(ConfigError, match=r'sources\.strings\.where\.z: null is no text; write "null" in quotes'):
        load(tiny(("corpus: strings", f"corpus: strings, where: {{z: {null}}}")))
