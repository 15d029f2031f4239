"""What a suite can never score is refused before anything is spent, wherever the models come from, by plan and run alike."""

import pytest
import yaml
from made_models import describe, vocabulary, whole

from admire.cli.main import main

ARCHITECTURE = {"model_type": "llama", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
WORDS = {"output_type": "generate_until", "metric_list": [{"metric": "exact_match", "higher_is_better": True}]}
CHOICE = {"output_type": "multiple_choice", "metric_list": [{"metric": "acc", "higher_is_better": True}]}


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A folder in which campaigns, weights and task data lie."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t").mkdir()
    (tmp_path / "rows.jsonl").write_text('{"q": 1}\n' * 4)
    (tmp_path / "rows.csv").write_text("q\n1\n2\n")
    weights = tmp_path / "weights"
    weights.mkdir()
    describe(weights)
    vocabulary(weights, 300)
    (weights / "tokenizer_config.json").write_text("{}")
    whole(weights)
    (tmp_path / "chat.jinja").write_text("{% generation %}{% endgeneration %}")
    return tmp_path


@pytest.fixture
def tell(world, capsys):
    """What `preflight` and `plan` say of a task; '' when they have nothing against it."""

    def campaign(name, model, kind="pretrain", **more):
        return {
            "name": name,
            "sources": {"a": {"corpus": "chat-facts"}, "b": {"corpus": "chat-strings"}},
            "mixture": {"rows": 8},
            "models": [{"name": "S", "cost": 1, "target": True, **model}],
            "training": {"kind": kind, "sequence_length": 16, "batch_size": 4, "learning_rate": 0.001},
            "evaluation": {"loss": {"kind": "domain-loss"}},
            "objective": {"loss/a": -1},
            "optimizer": {"initial": 1},
            "budget": {"total": 10},
            **more,
        }

    def write(name, raw):
        (world / f"{name}.yaml").write_text(yaml.safe_dump(raw))

    def tell(content, origin="architecture", reads=64, suite=None, tokenizer=None, **more):
        task = {"task": "odd", "dataset_path": "json", "doc_to_text": "q", "doc_to_target": "q", "test_split": "test"}
        task |= {"dataset_kwargs": {"data_files": {"test": str(world / "rows.jsonl")}}, **content}
        (world / "t" / "odd.yaml").write_text(
            yaml.safe_dump({key: value for key, value in task.items() if value is not None})
        )
        metric = task["metric_list"][0]["metric"]
        asked = {
            "k": {"kind": "lm-eval", "include_path": "t", "reads": ["."], "tasks": {"odd": metric}, **(suite or {})}
        }
        architecture = {**ARCHITECTURE, **({"max_position_embeddings": reads} if reads else {})}
        trained = {"vocabulary": 300}
        if origin == "architecture":
            raw = campaign("mine", {"architecture": architecture}, tokenizer={**trained, **(tokenizer or {})})
        elif origin == "base":
            write("lender", campaign("lender", {"architecture": architecture}, tokenizer=trained))
            model = {"base": {"campaign": "lender.yaml", "model": "S"}}
            raw = campaign("mine", model, "sft", tokenizer={"chat_template": "chat.jinja", **(tokenizer or {})})
        else:
            raw = campaign(
                "mine", {"path": "./weights"}, "sft", tokenizer={"chat_template": "chat.jinja", **(tokenizer or {})}
            )
        raw["evaluation"] |= asked
        for key, value in more.items():
            raw[key] = {**raw[key], **value}
        write("mine", raw)
        codes = [main([subcommand, "mine.yaml"]) for subcommand in ("preflight", "plan")]
        said = capsys.readouterr().err.splitlines()
        assert codes[0] == codes[1] == len(said) // 2 and len({line.split(": ", 1)[1] for line in said}) <= 1
        return said[0] if said else ""

    return tell


@pytest.mark.parametrize("origin", ["architecture", "base", "path"])
@pytest.mark.parametrize(
    ("told", "tokens"),
    [
        (None, 256),
        ({"until": ["x"]}, 256),
        ({"max_gen_toks": 64}, 64),
        ({"max_new_tokens": 100}, 100),
        ({"max_gen_toks": 63}, 0),
    ],
)
def test_answers_longer_than_what_the_model_reads(tell, origin, told, tokens):
    said = tell({**WORDS, "generation_kwargs": told}, origin)
    assert bool(said) == bool(tokens)
    if tokens:
        assert f"mine.yaml: evaluation.k: tasks.odd: answers may have {tokens} tokens, and models.S reads 64" in said


def test_an_architecture_that_leaves_its_length_out_reads_what_transformers_says(tell):
    assert "reads 2048" in tell({**WORDS, "generation_kwargs": {"max_gen_toks": 4000}}, reads=None)
    assert tell({**WORDS, "generation_kwargs": {"max_gen_toks": 1000}}, reads=None) == ""


def test_conversations_longer_than_what_a_base_model_reads(tell):
    long = {"training": {"sequence_length": 65}}
    assert "models.S: training.sequence_length: 65 tokens are more than its base" in tell(CHOICE, "base", **long)


@pytest.mark.parametrize(
    ("content", "suite", "words"),
    [
        ({}, {"few_shot": 5}, "5 examples are requested, and there are 4 to draw from"),
        ({"num_fewshot": 5}, {}, "5 examples are requested, and there are 4"),
        ({}, {"few_shot": 4}, ""),  # lm-eval leaves the item itself out only where the file names the split
        ({"fewshot_split": "test"}, {"few_shot": 4}, "there are 4 to draw from, the item itself apart"),
        ({"fewshot_split": "test"}, {"few_shot": 3}, ""),
        ({"fewshot_config": {"samples": [{"q": 1}]}}, {"few_shot": 2}, "there are 1 to draw from"),
        ({"process_docs": "own.half"}, {"few_shot": 9}, ""),  # only the task's code knows
        (
            {"dataset_path": "csv", "dataset_kwargs": {"data_files": {"test": "rows.csv"}}},
            {"few_shot": 3},
            "there are 2 to draw from",
        ),
    ],
)
def test_more_examples_than_items(tell, content, suite, words):
    said = tell({**CHOICE, **content}, suite=suite)
    assert (words in said) if words else said == ""


@pytest.mark.parametrize(
    ("origin", "tokenizer", "words"),
    [
        ("architecture", None, "the tokenizer that is trained (vocabulary: 300) has no chat template"),
        ("architecture", {"chat_template": "chat.jinja"}, ""),
        ("architecture", {"vocabulary": None, "path": "./weights"}, "the tokenizer of ./weights has no chat template"),
        ("base", None, ""),
        ("path", None, ""),
    ],
)
def test_a_chat_template_that_no_tokenizer_has(tell, origin, tokenizer, words):
    said = tell(CHOICE, origin, suite={"chat_template": True}, tokenizer=tokenizer)
    assert (words in said and "tokenizer.chat_template" in said) if words else said == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            {"dataset_kwargs": {"data_files": {"test": "gone.jsonl"}}},
            "data_files name gone.jsonl, and there is no such file",
        ),
        ({"dataset_kwargs": {"data_files": {"train": "rows.jsonl"}}}, "data_files have no split test; they have train"),
        ({"fewshot_split": "dev"}, "data_files have no split dev"),
        ({"dataset_path": "./gone"}, "dataset_path is ./gone, and there is no such folder"),
        ({"test_split": None}, "names neither test_split nor validation_split"),
        ({"filter_list": [{"name": "strict", "filter": []}]}, "no metric 'acc'; it has acc,strict"),
        ({"generation_kwargs": {"until": ["x", ""]}, **WORDS}, "an empty string among `until`"),
        ({"generation_kwargs": {"until": ""}, **WORDS}, "an empty string among `until`"),
    ],
)
def test_files_of_tasks_that_can_never_be_scored(tell, content, words):
    assert words in tell({**CHOICE, **content})
