"""Hostile texts in every place of a campaign file where a text can stand: `plan` and `preflight` answer, run nothing, and write
nothing outside `results`."""

import contextlib
import copy
import io
import json
import os
import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from admire.campaign.loading import load
from admire.cli.main import main
from admire.errors import ConfigError
from admire.output.screen import CONTROLS, Screen

ROOT = Path(__file__).parents[2]
RAW = "whatever stands here is replaced"


def shipped(name):
    return yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text())


def all_keys():
    """A campaign whose sources, tokenizer, models and suites say what others leave out."""
    raw = yaml.safe_load((ROOT / "tests/workflow/tiny.yaml").read_text())
    raw["results"] = "results"
    raw["sources"] = {
        "arithmetic": {"corpus": "arithmetic", "max_documents": 300, "revision": "1"},
        "lines": {"files": ["data/*.jsonl", "data/train.jsonl"], "column": "text", "where": {"kind": "a"}},
        "folder": {"dataset": "data", "split": "train", "where": {"kind": "b"}, "bad_rows": "skip"},
        "hub": {"dataset": "owner/name", "subset": "x", "revision": "main", "ignore_keys": ["id"]},
    }
    raw["tokenizer"] |= {"chat_template": "config/chat.jinja"}
    raw["evaluation"]["tasks"] = {
        "kind": "lm-eval",
        "include_path": "config/tasks",
        "tasks": {"facts": "acc", "safety": "acc"},
        "isolation": "available",
    }
    raw["directions"] = {"loss/arithmetic": "minimise"}
    raw["objective"] = {"loss/arithmetic": -1, "tasks/facts": 1}
    raw["benchmark"] = {"replicates": 1, "mixtures": ["uniform", "prior"], "methods": []}
    return raw


def ready_made():
    """A campaign that begins with weights and a tokenizer that are not there: what stands in their places is looked at."""
    raw = shipped("laptop-sft")
    raw["tokenizer"]["path"] = "tokenizer"
    for model in raw["models"]:
        del model["base"]
        model["path"] = "weights"
    return raw


WHOLE = {"laptop": shipped("laptop"), "laptop-sft": shipped("laptop-sft"), "all-keys": all_keys()}
CAMPAIGNS = WHOLE | {"ready-made": ready_made()}
HOSTILE = [
    "$(touch ran)",
    "`touch ran`",
    "; touch ran #",
    "' ; touch ran ; '",
    '"; touch ran; "',
    "x\ntouch ran\n",
    "{{ cycler.__init__.__globals__.os.system('touch ran') }}",
    "{% set x = lipsum.__globals__.os.popen('touch ran') %}",
    "../../elsewhere",
    "$HERE/elsewhere/x",
    "~/elsewhere",
    "~nobody/x",
    "\x1b]0;title\x07\x1b[2J\x1b[31mred",
    "\u202egnp.exe\u2066",
    "\x00",
    "%s%n%(x)s",
    "{0}{x.__class__}",
    "{wildcards}{input}",
    "|touch ran",
    "file://$HERE/secret.jsonl",
    "https://localhost:1/x",
    "hf://datasets/a/b",
    "-rf",
    "*",
    "[",
    "a" * 300,
    "x/" * 3000,
    "a" * 100_000,
    "",
]
TAGS = [
    "!!python/object/apply:os.system ['touch ran']",
    "!!python/name:os.system",
    "!function os.system",
    "!include /etc/passwd",
    "*nowhere",
    "&a [*a]",
    "{__use_yte__: true}",
    "?os.system('touch ran')",
]


def places(value, path=()):
    """Every place of a text, and of a key: its path, and whether it is a key."""
    if isinstance(value, str):
        yield path, False
    if isinstance(value, dict):
        yield from (((*path, key), True) for key in value)
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(part, (*path, key))


PLACES = [(name, *place) for name, raw in CAMPAIGNS.items() for place in places(raw)]


def put(raw, path, is_key, new):
    """The campaign with a text, or the name of a key, replaced."""
    raw = copy.deepcopy(raw)
    inner = raw
    for key in path[:-1]:
        inner = inner[key]
    if is_key:
        renamed = {new if key == path[-1] else key: value for key, value in inner.items()}
        inner.clear()
        inner.update(renamed)
    else:
        inner[path[-1]] = new
    return raw


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A working folder that the campaigns fit, two levels below a folder that is watched as a whole."""
    watched = tmp_path_factory.mktemp("watched")
    folder = watched / "one" / "two"
    shutil.copytree(ROOT / "config", folder / "config")
    (watched / "home").mkdir()
    (folder / "results").mkdir()
    (folder / "data").mkdir()
    rows = [{"text": f"river {i} stone lamp" * 20, "kind": "ab"[i % 2], "id": i} for i in range(400)]
    (folder / "data" / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (watched / "secret.jsonl").write_text('{"text": "private"}\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HOME", str(watched / "home"))
        yield folder


def listing(folder):
    """Every path below a folder, with what would change if it was written to."""
    found = {}
    for top, folders, names in os.walk(folder):
        for name in folders + names:
            status = os.lstat(Path(top, name))
            found[str(Path(top, name))] = (status.st_mode, status.st_size if name in names else 0)
    return found


def answer(subcommand, file):
    """Exit code, standard output and standard error of a command as it is typed."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(Screen(out)), contextlib.redirect_stderr(Screen(err, bars=True)):
        code = main([subcommand, file])
    return code, out.getvalue(), err.getvalue()


def look(here, text, subcommands=("plan", "preflight")):
    """Have commands look at a file; returns how each ended."""
    file = here / "c.yaml"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    watched = here.parents[1]
    before, codes = listing(watched), []
    for subcommand in subcommands:
        code, out, err = answer(subcommand, "c.yaml")
        assert code in (0, 1) and "Traceback" not in out + err
        assert not CONTROLS.search(out) and not CONTROLS.search(err.replace("\r", ""))
        if code:
            assert err.startswith(f"admire {subcommand}: ") and err.count("\n") == 1 and len(err) < 5000, err
        codes.append(code)
    try:
        results = Path(load("c.yaml").results).absolute()
    except ConfigError:
        results = here / "results"
    after = listing(watched)
    changed = [path for path in before | after if before.get(path) != after.get(path)]
    outside = [path for path in changed if not Path(path).is_relative_to(os.path.normpath(results))]
    assert not outside and not any(Path(path).name == "ran" for path in after)
    return codes


def written(name, path, is_key, text, here):
    """A campaign file in which a hostile text stands in a place, in quotes as YAML writes it or, of `TAGS`, as it is."""
    text = text.replace("$HERE", str(here.parents[1]))
    if text in TAGS:
        return yaml.safe_dump(put(CAMPAIGNS[name], path, is_key, RAW), width=10**6).replace(RAW, text, 1)
    return yaml.safe_dump(put(CAMPAIGNS[name], path, is_key, text), width=10**6)


@pytest.mark.parametrize("name", WHOLE)
def test_the_campaigns_themselves_are_answered(here, name):
    assert look(here, yaml.safe_dump(CAMPAIGNS[name])) in ([0, 0], [0, 1])


@pytest.mark.parametrize("name", ["laptop", "laptop-sft"])
def test_every_place_gets_every_kind_of_text(here, name):
    """Each place gets a third of the texts, in turn."""
    for number, (_, path, is_key) in enumerate(place for place in PLACES if place[0] == name and not place[2]):
        for text in (HOSTILE + TAGS)[number % 3 :: 3]:
            look(here, written(name, path, is_key, text, here), ["plan"])


@settings(max_examples=150)
@given(
    place=st.sampled_from(PLACES),
    text=st.lists(st.sampled_from([*HOSTILE, *TAGS]) | st.text(max_size=8), min_size=1, max_size=3).map("".join),
)
def test_whatever_text_stands_anywhere(here, place, text):
    look(here, written(*place, text, here))
