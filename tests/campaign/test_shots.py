"""How many examples a prompt shows: the file's word, another one only by the YAML, and never one for the other in silence."""

import pytest

from admire.campaign import task_files
from admire.campaign.config import Benchmarks, load
from admire.campaign.recipes import suite_digest
from admire.campaign.shots import check_shots, overrides, shots_by_files
from admire.errors import ConfigError


@pytest.fixture
def folder(tmp_path):
    """Tasks whose files say nothing, 0 and 3; a group that says 1 of one of them; a tag; a Python task."""
    for name, more in {
        "silent": "",
        "fixed": "num_fewshot: 0\n",
        "three": "include: _base\n",
        "tagged": "tag: some\nnum_fewshot: 2\n",
    }.items():
        (tmp_path / f"{name}.yaml").write_text(f"task: {name}\ndoc_to_text: q\n{more}")
    (tmp_path / "_base").write_text("num_fewshot: 3\n")
    (tmp_path / "python.yaml").write_text("task: python\nclass: !function own.Task\n")
    (tmp_path / "group.yaml").write_text(
        "group: group\ntask:\n  - {task: silent, num_fewshot: 1}\n  - three\n  - some\n  - {group: inner, task: [fixed]}\n"
        "aggregate_metric_list: [{metric: acc}]\n"
    )
    return tmp_path


def suite(folder, *tasks, **settings):
    return Benchmarks(kind="lm-eval", tasks=dict.fromkeys(tasks, "acc"), include_path=str(folder), **settings)


def test_a_group_stands_for_its_members_with_what_it_says_of_them(folder):
    leaves = task_files.leaves(task_files.index(folder), "group")
    assert {leaf.name: leaf.few_shot for leaf in leaves} == {"silent": 1, "three": 3, "tagged": 2, "fixed": 0}


@pytest.mark.parametrize(
    ("tasks", "shots"),
    [
        (("silent", "fixed", "python"), {}),
        (("three",), {"three": 3}),
        (("group",), {"silent": 1, "three": 3, "tagged": 2}),
    ],
)
def test_what_the_yaml_leaves_out_is_the_files_word(folder, tasks, shots):
    assert shots_by_files(suite(folder, *tasks)) == shots
    assert shots_by_files(suite(folder, *tasks, few_shot=0)) == {}


def test_another_number_is_named_and_refused_where_the_file_fixes_0(folder):
    files = task_files.index(folder)
    assert overrides("three", task_files.leaves(files, "three"), 5) == ["three: 5 shots, its file says 3"]
    assert overrides("three", task_files.leaves(files, "three"), 3) == []
    for task, words in (("fixed", "tasks.fixed: few_shot: 2 .*fixes num_fewshot at 0"), ("group", "its member fixed")):
        with pytest.raises(ConfigError, match=words):
            check_shots(task, task_files.leaves(files, task), 2)
        check_shots(task, task_files.leaves(files, task), 0)
    check_shots("silent", task_files.leaves(files, "silent"), 2)


def test_an_evaluation_keeps_its_name_where_nothing_changed_and_has_another_where_it_did(folder, tmp_path):
    campaign = load("config/laptop-sft.yaml")

    def digest(*tasks, **settings):
        one = suite(folder, *tasks, **settings)
        return suite_digest(campaign.model_copy(update={"evaluation": {"k": one}}), "k")

    assert digest("silent", "fixed") == digest("silent", "fixed", few_shot=0)
    assert digest("three") != digest("three", few_shot=0)
    # as it was when 0 stood for what is left out
    assert suite_digest(campaign, "skills") == "7efbacf0"
    tulu = load("config/tulu.yaml")
    assert [suite_digest(tulu, name) for name in ("id", "ood", "code")] == ["1803ffa8", "2aaa2cd6", "699c1ae9"]


@pytest.mark.parametrize("text", ["a: [", "- a list\n", "include: nowhere\ntask: odd\n", "\x00"])
def test_a_task_file_that_is_none_is_refused_by_its_name(tmp_path, text):
    (tmp_path / "odd.yaml").write_text(text)
    with pytest.raises(ConfigError, match=str(tmp_path)):
        task_files.read(tmp_path / "odd.yaml")


def test_a_group_within_itself_is_refused(tmp_path):
    (tmp_path / "a.yaml").write_text("group: a\ntask: [b]\n")
    (tmp_path / "b.yaml").write_text("group: b\ntask: [a]\n")
    with pytest.raises(ConfigError, match="member of itself"):
        task_files.leaves(task_files.index(tmp_path), "a")
