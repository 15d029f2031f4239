"""What `admire` refuses Snakemake refuses alike, in the same words: both read a campaign's files by one reader."""

from pathlib import Path

import pytest
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings

from admire.cli.main import main

ROOT = Path(__file__).parents[2]
TINY = Path(__file__).with_name("tiny.yaml").read_text()


@pytest.fixture
def doors(tmp_path, monkeypatch, capsys):
    """What `admire plan` and `snakemake -n` say to the tiny campaign with a part replaced; None where they refuse nothing."""
    monkeypatch.chdir(tmp_path)

    def say(old, new):
        assert old in TINY
        path = Path("c.yaml")
        path.write_text(TINY.replace(old, new, 1))
        refused = main(["plan", "c.yaml"])
        said = capsys.readouterr().err.removeprefix("admire plan: ").strip()
        return said if refused else None, through_snakemake(path)

    return say


def through_snakemake(path):
    """What a dry run says."""
    try:
        parsed(path)
    except SystemExit as end:
        return end.code
    return None


def parsed(path):
    """The workflow, with all rules, after its dry run."""
    with SnakemakeApi(OutputSettings(dryrun=True, quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=[path]),
            snakefile=ROOT / "Snakefile",
        )
        workflow.dag(dag_settings=DAGSettings(targets={"prefetch"})).execute_workflow(executor="dryrun")
        return workflow._workflow


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("  strings:", "  arithmetic:", "the key 'arithmetic' stands twice"),
        ("budget:", "yes: 1\nbudget:", "c.yaml: yes: unknown key"),
        ("budget:", "2024: 1\nbudget:", "c.yaml: 2024: unknown key"),
        ("budget:", "x: &a [1, *a]\nbudget:", "an alias stands within what it stands for"),
        ("budget:", f"x: {'[' * 70}{']' * 70}\nbudget:", "more than 64 levels"),
        ("budget:", "x: !!python/tuple [1]\nbudget:", "the tag tag:yaml.org,2002:python/tuple is not read"),
        ("learning_rate: 1.0e-2", "learning_rate: 12:30", "training.learning_rate: 12:30 is read in base 60"),
        ("batch_size: 8, l", "batch_size: 010, l", "training.batch_size: 010 is read in base 8"),
        ("name: tiny", "name: 2024_05", "name: '2024_05' is no name"),
        ("  strings:", f"  {'s' * 101}:", "a name has at most 100 letters"),
        ("name: tiny", 'name: "ti\\0ny"', "control character U+0000"),
        ("loss/arithmetic", "loss/no", "objective.loss/no: no suite measures it"),
        ("model_type: llama", "model_type: 2024-05-01", "c.yaml: models"),
    ],
)
def test_both_refuse_alike(doors, old, new, sentence):
    plan, workflow = doors(old, new)
    assert plan is not None and sentence in plan and plan == workflow


def test_a_file_that_asks_to_be_evaluated_is_refused_before_any_rule(doors):
    # by the time that the workflow is asked Snakemake has evaluated it: the sentence says what to do first
    plan, workflow = doors("name: tiny", "__use_yte__: true\nname: tiny")
    assert plan == workflow and "by `admire plan FILE` before anything else" in plan


@pytest.mark.parametrize(("name", "revision"), [("no", "2024-05-01"), ("2024", "1e3")])
def test_both_read_alike(doors, name, revision):
    assert doors("  strings: {corpus: strings", f"  {name}: {{corpus: strings, revision: {revision}") == (None, None)
