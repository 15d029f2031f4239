"""How many examples a prompt shows: the file's word, another one only by the YAML, and never one for the other in silence."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from admire.campaign import task_files
from admire.campaign.loading import load
from admire.campaign.recipes import suite_digest
from admire.campaign.schema.evaluation import Benchmarks
from admire.campaign.shots import check_shots, overrides, shots_by_files
from admire.errors import ConfigError
from admire.evaluate.lm_eval_suite import check_tasks


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
    return Benchmarks(
        kind="lm-eval", tasks=dict.fromkeys(tasks, "acc"), include_path=str(folder), trusts_code=True, **settings
    )


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
    for task, words in (
        ("fixed", "tasks.fixed: few_shot: the YAML says 2, but the file fixes num_fewshot at 0"),
        ("group", "its member fixed"),
    ):
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
    tulu = load("config/tulu.yaml").model_copy(update={"results": str(tmp_path / "results")})
    assert [suite_digest(tulu, name) for name in ("id", "ood", "code")] == ["1803ffa8", "2aaa2cd6", "444be890"]
    # of a campaign that began before answers were read by versions
    begun = tmp_path / "results" / "campaigns" / tulu.name
    (begun / "step_0000" / "lane_0").mkdir(parents=True)
    (begun / "step_0000" / "lane_0" / "proposal.json").write_text("{}")
    (begun / "lock.json").write_text("{}")
    assert [suite_digest(tulu, name) for name in ("id", "ood", "code")] == ["1803ffa8", "2aaa2cd6", "699c1ae9"]


@pytest.mark.parametrize("text", ["a: [", "- a list\n", "include: nowhere\ntask: odd\n", "\x00"])
def test_a_task_file_that_is_none_is_refused_by_its_name(tmp_path, text):
    (tmp_path / "odd.yaml").write_text(text)
    with pytest.raises(ConfigError, match=str(tmp_path)):
        task_files.read(tmp_path / "odd.yaml")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
LOOKED_AT = [
    "dataset_path",
    "dataset_kwargs",
    "test_split",
    "validation_split",
    "training_split",
    "fewshot_split",
    "fewshot_config",
    "num_fewshot",
    "output_type",
    "generation_kwargs",
    "metric_list",
    "filter_list",
    "unsafe_code",
    "tag",
    "include",
    "group",
    "aggregate_metric_list",
    "class",
    "doc_to_text",
]


@given(st.dictionaries(st.sampled_from(LOOKED_AT), values, max_size=4), values)
def test_whatever_a_task_file_holds_it_passes_or_is_refused_in_a_sentence(tmp_path_factory, content, member):
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "odd.yaml").write_text(f"task: odd\n{yaml.safe_dump(content)}" if content else "task: odd\n")
    (folder / "group.yaml").write_text("group: group\n" + yaml.safe_dump({"task": ["odd", member]}))
    for name in ("odd", "group"):
        one = suite(folder, name, few_shot=1)
        try:
            check_tasks(one)
            shots_by_files(suite(folder, name))
        except ConfigError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("num_fewshot: two", "num_fewshot"),
        ("num_fewshot: -1", "num_fewshot"),
        ("metric_list: acc", "metric_list"),
        ("metric_list: [{metric: acc, higher_is_better: down}]", "higher_is_better"),
        ("generation_kwargs: {max_gen_toks: many}", "generation_kwargs.max_gen_toks"),
        ("dataset_kwargs: {data_files: {test: 3}}", "dataset_kwargs.data_files"),
        ("1: one", "the key 1"),
        ("include: odd.yaml", "includes itself"),
    ],
)
def test_a_key_of_another_kind_is_refused_with_the_files_name(folder, line, words):
    (folder / "odd.yaml").write_text(f"task: odd\ndoc_to_text: q\n{line}\n")
    with pytest.raises(ConfigError, match=rf"odd\.yaml.*{words}"):
        check_tasks(suite(folder, "odd"))


@pytest.mark.parametrize("key", ["tag", '"tag"', "'tag'"])
def test_tags_are_found_however_their_key_is_quoted(folder, key):
    (folder / "quoted.yaml").write_text(f'task: quoted\ndoc_to_text: q\n{key}: "some"\n')
    assert task_files.tags(task_files.index(folder))["some"] == ["quoted", "tagged"]


def test_a_group_within_itself_is_refused(tmp_path):
    (tmp_path / "a.yaml").write_text("group: a\ntask: [b]\n")
    (tmp_path / "b.yaml").write_text("group: b\ntask: [a]\n")
    with pytest.raises(ConfigError, match="member of itself"):
        task_files.leaves(task_files.index(tmp_path), "a")
