"""Which program an answer holds, by version: campaigns that began before go on with the reading of their scores."""

import json
import shutil

import pytest

from admire.campaign.recipes import suite_digest
from admire.evaluate.code_blocks import answers_read_by, code_of
from admire.evaluate.run import evaluate
from admire.preflight.check import begin
from admire.trials.atomic_files import write_json

CODE = "def root(x):\n    return x\n"
BOTH = [  # what both versions find
    "```python\n" + CODE + "```",
    "```py\n" + CODE + "```\nand more",
    "Here it is: ```\n" + CODE + "```",
    "```python\n" + CODE,
]
SECOND = [  # what only the second finds
    "```Python\n" + CODE + "```",
    "```PYTHON\n" + CODE + "```",
    "```python3\n" + CODE + "```",
    "``` py3.11\n" + CODE + "```",
    '```python title="root.py"\n' + CODE + "```",
    "```{.python}\n" + CODE + "```",
    "~~~\n" + CODE + "~~~",
    "Here:\n\n~~~ Python\n" + CODE + "~~~~\nand more",
    ("```python\n" + CODE + "```\n").replace("\n", "\r\n"),
    ("~~~py\n" + CODE + "~~~\n").replace("\n", "\r"),
    "````python\n" + CODE + "````",
    "1. So:\n   ```python\n   def root(x):\n       return x\n   ```",
    "```bash\npip install it\n```\nThen:\n```python\n" + CODE + "```",
    "Call ```root``` like\n```\n" + CODE + "```",
]
SOME = [SECOND[10], SECOND[13]]  # a part of these the first finds
NEITHER = ["    return x\n", "```java\nint x;\n```", "so ~~~ what\n", "```", "", "~~~sh\nls"]


@pytest.mark.parametrize("answer", BOTH + SECOND)
def test_the_second_version_finds_the_first_block_of_python(answer):
    with answers_read_by(2):
        assert code_of(answer) == CODE


@pytest.mark.parametrize("answer", BOTH + SECOND + NEITHER)
def test_the_first_version_reads_as_it_always_did(answer):
    with answers_read_by(1):
        first = code_of(answer)
    assert first == code_of(answer)  # who asks for no version gets it
    assert answer in SOME or (first == CODE) == (answer in BOTH)


@pytest.mark.parametrize("answer", NEITHER)
def test_an_answer_without_a_block_is_the_program(answer):
    with answers_read_by(2):
        assert code_of(answer) == answer


@pytest.fixture
def campaign(make_campaign, tmp_path, pytestconfig):
    folder = tmp_path / "tasks"
    folder.mkdir()
    row = {
        "prompt": 'def root(x):\n    """Itself."""\n',
        "test": "def check(f): assert f(9) == 9",
        "entry_point": "root",
    }
    (folder / "rows.jsonl").write_text(json.dumps(row | {"canonical_solution": ""}) + "\n")
    (folder / "roots.yaml").write_text(
        f"include: {pytestconfig.rootpath}/config/tulu-tasks/_humaneval_yaml\ntask: roots\ndataset_path: json\nrepeats: 1\n"
        f"dataset_kwargs: {{data_files: {{test: {folder / 'rows.jsonl'}}}}}\n"
        "filter_list: [{name: none, filter: [{function: take_first_k, k: 1}]}]\n"
        "generation_kwargs: {until: [x], do_sample: false, max_gen_toks: 4}\n"
    )
    code = {"kind": "lm-eval", "include_path": str(folder), "tasks": {"roots": "pass_at_10"}, "runs_code": True}
    return make_campaign({"code": code, "loss": {"kind": "domain-loss"}}, "code/roots")


@pytest.fixture
def trial(campaign, make_trial, tiny_model, monkeypatch):
    """A trained trial whose model answers with a block that only the second version finds."""
    from lm_eval.models.huggingface import HFLM

    monkeypatch.setattr(HFLM, "generate_until", lambda self, requests, **told: [SECOND[0]] * len(requests))
    files = make_trial(campaign, status="ok", steps=1)
    shutil.copytree(tiny_model, files.model())
    return files


def began_before(campaign, files):
    """What an earlier version left: decisions, and a lock without versions."""
    begin(campaign)
    lock = json.loads(files.lock.read_text())
    assert lock.pop("answers") == 2
    write_json(files.lock, lock)
    write_json(files.proposal(0, 0), {"trials": []})


def test_a_new_campaign_reads_by_the_second_version_from_its_plan_on(campaign, trial):
    files = trial.results.campaign(campaign.name)
    planned = suite_digest(campaign, "code")
    assert evaluate(campaign, trial, "code").metrics["roots"].value == 1
    begin(campaign)
    write_json(files.proposal(0, 0), {"trials": []})
    assert suite_digest(campaign, "code") == planned


def test_a_campaign_that_began_before_goes_on_with_its_names_and_its_reading(campaign, trial):
    files = trial.results.campaign(campaign.name)
    new, loss = suite_digest(campaign, "code"), suite_digest(campaign, "loss")
    began_before(campaign, files)
    old = suite_digest(campaign, "code")
    assert old != new and suite_digest(campaign, "loss") == loss
    assert evaluate(campaign, trial, "code").metrics["roots"].value == 0
    begin(campaign)  # the same command again
    assert suite_digest(campaign, "code") == old and "answers" not in json.loads(files.lock.read_text())


def test_a_lock_that_binds_nobody_is_written_again(campaign, trial):
    files = trial.results.campaign(campaign.name)
    new = suite_digest(campaign, "code")
    began_before(campaign, files)
    files.proposal(0, 0).unlink()
    assert suite_digest(campaign, "code") == new
    begin(campaign)
    assert json.loads(files.lock.read_text())["answers"] == 2


def test_a_lock_names_the_version_that_counts(campaign, trial):
    files = trial.results.campaign(campaign.name)
    began_before(campaign, files)
    old = suite_digest(campaign, "code")
    write_json(files.lock, json.loads(files.lock.read_text()) | {"answers": 1})
    files.proposal(0, 0).unlink()
    assert suite_digest(campaign, "code") == old
