"""Weights, windows and templates that cannot be used are refused from their JSON alone."""

import contextlib
import json
from pathlib import Path

import pytest
import torch
import yaml
from made_models import describe, tensors, vocabulary, whole
from safetensors import safe_open

from admire.cli.main import main
from admire.evaluate.loading import NotCheckedError, check_whole

CHAT = Path(__file__).parents[2] / "config/chat.jinja"
PLAIN = "{% for message in messages %}{{ message.content }}{% endfor %}"


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A folder that looks like a model with a tokenizer."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "weights"
    folder.mkdir()
    describe(folder)
    whole(folder)
    vocabulary(folder, 300)
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": CHAT.read_text()}))
    return folder


def refused(capsys, length=64, path="weights", tokenizer_path=None, base=None, **tokenizer):
    start = {"base": base} if base else {"path": path}
    tokenizer |= {"path": tokenizer_path} if tokenizer_path else {}
    campaign = {
        "name": "mine",
        "sources": {name: {"corpus": f"chat-{name}"} for name in ("facts", "strings")},
        "tokenizer": tokenizer,
        "mixture": {"rows": 8},
        "models": [{"name": "S", "cost": 1, "target": True, **start}],
        "training": {"kind": "sft", "sequence_length": length, "batch_size": 2, "learning_rate": 0.001},
        "evaluation": {"loss": {"kind": "domain-loss"}},
        "objective": {"loss/facts": -1},
        "budget": {"total": 40},
    }
    Path("mine.yaml").write_text(yaml.safe_dump(campaign))
    code = main(["preflight", "mine.yaml"])
    said = capsys.readouterr().err
    assert code == (1 if said else 0) and said.count("\n") <= 1
    return said


def test_a_model_with_all_that_it_needs_passes(weights, capsys):
    assert refused(capsys) == ""


def test_a_window_longer_than_the_model_reads(weights, capsys):
    said = refused(capsys, length=65)
    assert "mine.yaml: models.S: training.sequence_length: 65" in said and "max_position_embeddings, 64" in said


def test_a_path_that_is_no_folder(weights, capsys):
    assert "models.S.path: ./nowhere is no folder" in refused(capsys, path="./nowhere")


def test_weights_that_are_pickles(weights, capsys):
    (weights / "model.safetensors").rename(weights / "pytorch_model.bin")
    said = refused(capsys)
    assert "holds no model.safetensors and no model.safetensors.index.json" in said and "pickles are not opened" in said


def test_a_model_that_brings_code(weights, capsys):
    (weights / "config.json").write_text(json.dumps({"model_type": "llama", "auto_map": {"AutoModel": "mine.Model"}}))
    assert "brings code of its own" in refused(capsys)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("config.json", {"custom_pipelines": {"text-generation": {"impl": "mine.Mine", "pt": ["mine.Mine"]}}}),
        ("config.json", {"attn_implementation": "mine/kernel"}),
        ("config.json", {"_attn_implementation": "mine/kernel:run"}),
        ("config.json", {"_experts_implementation": "mine/kernel"}),
        ("config.json", {"dtype": "os.system", "torch_dtype": "mine.Mine"}),
        ("generation_config.json", {"auto_map": {"AutoModel": "mine.Mine"}, "custom_generate": "mine.py"}),
        ("processor_config.json", {"auto_map": {"AutoProcessor": "mine.Mine"}, "processor_class": "Mine"}),
        ("preprocessor_config.json", {"auto_map": {"AutoImageProcessor": "mine.Mine"}}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": [None, "mine.Mine"]}}),
    ],
)
def test_code_that_files_beside_weights_name_is_not_run(name, changes, weights, capsys, tmp_path):
    """Neither where the campaign is looked at nor where the weights are loaded."""
    from admire.evaluate.loading import load_whole

    marker = tmp_path / "ran"
    for code in ("mine.py", "modeling_mine.py", "custom_generate/generate.py", "kernel/__init__.py", "mine/kernel.py"):
        (weights / code).parent.mkdir(exist_ok=True)
        (weights / code).write_text(f"open({str(marker)!r}, 'w')\nMine = generate = run = None\n")
    content = json.loads((weights / name).read_text()) if (weights / name).is_file() else {}
    (weights / name).write_text(json.dumps({**content, **changes}))
    said = refused(capsys)
    assert ("asks for code from elsewhere" in said) is ("implementation" in str(changes))
    with contextlib.suppress(Exception):  # Some of these weights cannot be loaded at all.
        load_whole(weights, "restore them").generate(torch.zeros((1, 2), dtype=torch.long), max_new_tokens=1)
    assert not marker.exists()


def test_a_tokenizer_without_a_chat_template(weights, capsys):
    (weights / "tokenizer_config.json").write_text("{}")
    assert "the tokenizer of weights has no chat template; name a Jinja file" in refused(capsys)


@pytest.mark.parametrize("place", ["own", "beside", "named"])
def test_a_template_that_does_not_mark_the_assistant(weights, capsys, place):
    if place == "own":
        (weights / "tokenizer_config.json").write_text(json.dumps({"chat_template": PLAIN}))
    if place == "beside":
        (weights / "chat_template.jinja").write_text(PLAIN)
    named = {}
    if place == "named":
        Path("mine.jinja").write_text(PLAIN)
        named = {"chat_template": "mine.jinja"}
    assert "does not mark the assistant's turns by {% generation %}" in refused(capsys, **named)


def test_a_template_that_is_not_there(weights, capsys):
    assert "tokenizer.chat_template: gone.jinja: no such file" in refused(capsys, chat_template="gone.jinja")


def test_a_model_on_the_hub_that_was_not_fetched_is_named_with_the_command(weights, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    said = refused(capsys, path="somebody/model")
    assert (
        "mine.yaml: not on this machine yet: models somebody/model; run `snakemake --cores 1 prefetch --configfile mine.yaml`"
        in said
    )


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("model.safetensors", b"", "is no safetensors file (0 bytes)"),
        ("model.safetensors", b"\x00" * 100, "is no safetensors file (100 bytes)"),
        ("model.safetensors", b"\xff" * 100, "is no safetensors file"),
        ("model.safetensors", POINTER, "is a pointer of git-lfs, not the file itself; `git lfs pull` fetches it"),
        ("config.json", POINTER, "is a pointer of git-lfs"),
        ("tokenizer.json", POINTER, "tokenizer.path: weights/tokenizer.json is a pointer of git-lfs"),
        ("config.json", b"{", "is not valid JSON"),
        ("config.json", b"[]", "is no mapping of keys"),
        ("config.json", b"{}", "describes a model of no type (model_type)"),
        ("config.json", b'{"model_type": "lama"}', "of type 'lama', which transformers does not have"),
        ("tokenizer.json", b"{}", "the files in weights are no tokenizer's"),
    ],
)
def test_files_that_are_not_what_they_are_called(weights, capsys, name, content, sentence):
    (weights / name).write_bytes(content)
    assert sentence in refused(capsys)


TWICE = {
    "config.json": ('"vocab_size": 300', '"vocab_size": 299, "vocab_size": 300', "vocab_size"),
    "generation_config.json": ("", '{"eos_token_id": 1, "eos_token_id": 2}', "eos_token_id"),
    "tokenizer_config.json": ("{", '{"add_bos_token": true, "add_bos_token": false, ', "add_bos_token"),
    "special_tokens_map.json": ("", '{"eos_token": "a", "eos_token": "b"}', "eos_token"),
    "added_tokens.json": ("", '{"a": 298, "a": 299}', "a"),
    "tokenizer.json": ('"t7": 7', '"t7": 6, "t7": 7', "t7"),
    "model.safetensors.index.json": ("", '{"weight_map": {"x": "a.safetensors", "x": "b.safetensors"}}', "x"),
}


@pytest.mark.parametrize("name", TWICE)
def test_a_key_that_stands_twice_in_what_decides_a_model_or_tokenizer(weights, capsys, name):
    """Python's reader takes the last, others the first."""
    before, after, key = TWICE[name]
    path = weights / name
    text = path.read_text() if before else ""
    assert before in text
    path.write_text(text.replace(before, after, 1) if before else after)
    if name.endswith("index.json"):
        (weights / "model.safetensors").unlink()
    assert f"weights/{name}: the key '{key}' stands twice; keep the one that is meant" in refused(capsys)


def test_weights_that_were_cut_short(weights, capsys):
    tensors(weights / "model.safetensors", "a", "b", cut=5)
    said = refused(capsys)
    assert "models.S.path: weights/model.safetensors has" in said and "cut short" in said


def test_shards_that_are_missing_or_others(weights, capsys):
    (weights / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (weights / "model.safetensors.index.json").write_text(json.dumps(index))
    tensors(weights / "model-1.safetensors", "a")
    assert "names model-2.safetensors, which is not there" in refused(capsys)
    tensors(weights / "model-2.safetensors", "c")
    assert "looks for b in model-2.safetensors, which does not hold it" in refused(capsys)
    tensors(weights / "model-2.safetensors", "b", cut=1)
    assert "model-2.safetensors has" in refused(capsys)
    tensors(weights / "model-2.safetensors", "b")
    assert "these weights lack" in refused(capsys)
    whole(weights)
    (weights / "model.safetensors").rename(weights / "model-1.safetensors")
    with safe_open(weights / "model-1.safetensors", "np") as shard:
        index["weight_map"] = dict.fromkeys(shard.keys(), "model-1.safetensors")
    (weights / "model.safetensors.index.json").write_text(json.dumps(index))
    assert refused(capsys) == ""


def without(part):
    return lambda shapes: {name: shape for name, shape in shapes.items() if part not in name}


LACKING = {
    "lack 1 of the architecture's tensors (model.norm.weight)": without("model.norm"),
    "lack 9 of the architecture's tensors": without("layers.1."),
    "lack 21 of the architecture's tensors": lambda shapes: {f"mine.{name}": shape for name, shape in shapes.items()},
    "hold 1 in another shape than config.json says (model.norm.weight)": lambda shapes: (
        shapes | {"model.norm.weight": [5]}
    ),
}


@pytest.mark.parametrize("sentence", LACKING)
def test_weights_that_are_not_those_of_their_architecture(weights, capsys, sentence):
    """Before anything is asked for: random numbers would take their place."""
    whole(weights, LACKING[sentence])
    said = refused(capsys)
    assert said.startswith("admire preflight: mine.yaml: models.S.path: weights: these weights ") and sentence in said


def test_tied_weights_are_whole_without_their_second_name(weights, capsys):
    describe(weights, tie_word_embeddings=True)
    whole(weights, without("lm_head"))
    assert refused(capsys) == ""


def test_tensors_that_the_library_renames_and_joins(weights, capsys):
    """Mixtral's experts lie there one by one, under other names."""
    sizes = {"num_local_experts": 2, "num_key_value_heads": 1}
    describe(weights, model_type="mixtral", **sizes)

    def apart(shapes, drop=""):
        found = {}
        for name, shape in shapes.items():
            layer, _, kind = name.partition(".mlp.")
            if kind == "gate.weight":
                found[f"{layer}.block_sparse_moe.gate.weight"] = shape
            elif kind:
                parts = {"experts.gate_up_proj": ("w1", "w3"), "experts.down_proj": ("w2",)}[kind]
                found |= {f"{layer}.block_sparse_moe.experts.{i}.{w}.weight": [4, 4] for i in (0, 1) for w in parts}
            else:
                found[name] = shape
        return without(drop)(found) if drop else found

    whole(weights, apart)
    assert refused(capsys) == ""
    whole(weights, lambda shapes: apart(shapes, "layers.1.block_sparse_moe"))
    assert "lack 3 of the architecture's tensors" in refused(capsys)


def test_where_the_library_cannot_tell_before_it_reads_that_is_said(weights, capsys):
    """Some experts of a layer are gone, which it joins to one tensor."""
    describe(weights, model_type="mixtral", num_local_experts=2, num_key_value_heads=1)
    shapes = {"model.layers.0.block_sparse_moe.experts.0.w1.weight": [4, 4]}
    shapes |= {f"model.layers.0.block_sparse_moe.experts.{i}.w3.weight": [4, 4] for i in (0, 1)}
    whole(weights, lambda all_of_them: without(".0.mlp")(all_of_them) | shapes)
    with pytest.raises(NotCheckedError):
        check_whole(weights, "mend it")


KINDS = {
    "quantised weights (quantization_config in config.json)": lambda folder: describe(
        folder, quantization_config={"quant_method": "gptq", "bits": 4}
    ),
    "an adapter of another model (adapter_config.json)": lambda folder: (folder / "adapter_config.json").write_text(
        "{}"
    ),
    "both model.safetensors and model.safetensors.index.json": lambda folder: (
        folder / "model.safetensors.index.json"
    ).write_text('{"weight_map": {}}'),
}


@pytest.mark.parametrize("what", KINDS)
def test_weights_that_are_no_whole_model_in_plain_numbers(weights, capsys, what):
    KINDS[what](weights)
    said = refused(capsys)
    assert said.startswith(f"admire preflight: mine.yaml: models.S.path: weights holds {what}")


@pytest.mark.parametrize("shard", ["w/model-1.safetensors", "../model-1.safetensors", "/model-1.safetensors"])
def test_shards_that_lie_in_another_folder(weights, capsys, shard):
    (weights / "model.safetensors").unlink()
    (weights / "w").mkdir()
    for folder in (weights / "w", weights.parent):
        tensors(folder / "model-1.safetensors", "a")
    (weights / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": {"a": shard}}))
    assert f"names {shard}, in another folder" in refused(capsys)


@pytest.mark.parametrize("place", ["vocabulary", "added_tokens", "added_tokens_decoder", "added_tokens.json"])
def test_a_tokenizer_with_more_entries_than_the_model_has_embeddings(weights, capsys, place):
    vocabulary(weights, 301 if place == "vocabulary" else 300, [300] if place == "added_tokens" else ())
    if place == "added_tokens_decoder":
        config = {"chat_template": CHAT.read_text(), "added_tokens_decoder": {"300": {"content": "<x>"}}}
        (weights / "tokenizer_config.json").write_text(json.dumps(config))
    if place == "added_tokens.json":
        (weights / "added_tokens.json").write_text(json.dumps({"<x>": 300}))
    said = refused(capsys)
    assert "models.S.path: the model has embeddings for 300 tokens, its tokenizer (weights) has 301" in said
    describe(weights, vocab_size=301)
    whole(weights)
    assert refused(capsys) == ""


def test_a_tokenizer_of_another_folder_and_one_that_is_trained(weights, capsys, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    vocabulary(other, 320)
    (other / "tokenizer_config.json").write_text(json.dumps({"chat_template": CHAT.read_text()}))
    assert "its tokenizer (other) has 320, added ones included" in refused(capsys, tokenizer_path="other")
    assert "tokenizer.vocabulary: 301) has 301" in refused(capsys, vocabulary=301, chat_template=str(CHAT))
    assert refused(capsys, vocabulary=300, chat_template=str(CHAT)) == ""
    assert "a tokenizer that the workflow trains has none; name a Jinja file" in refused(capsys, vocabulary=300)
    (other / "tokenizer.json").unlink()
    assert "tokenizer.path: other holds no tokenizer" in refused(capsys, tokenizer_path="other")
    assert "tokenizer.path: ./none is no folder" in refused(capsys, tokenizer_path="./none")


@pytest.mark.parametrize(
    ("config", "reads"),
    [
        ({"rope_scaling": {"rope_type": "linear", "factor": 4.0}}, 256),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 64}}, 128),
        ({"model_type": "gpt2", "n_positions": 48, "bos_token_id": 0, "eos_token_id": 0}, 48),
        ({"model_type": "mistral", "sliding_window": 16}, 64),
    ],
)
def test_how_much_a_model_reads(weights, capsys, config, reads):
    if "n_positions" in config:
        (weights / "config.json").write_text(json.dumps(config | {"vocab_size": 300}))
    else:
        describe(weights, **config)
    whole(weights)
    assert refused(capsys, length=reads) == ""
    assert f"its max_position_embeddings, {reads}" in refused(capsys, length=reads + 1)


def test_a_base_model_is_looked_at_as_one_of_the_campaigns_own(weights, capsys, tmp_path):
    lent = yaml.safe_load((CHAT.parents[1] / "tests/workflow/tiny.yaml").read_text())
    base = {"campaign": "lent.yaml", "model": "S"}

    def said(length=32, **tokenizer):
        Path("lent.yaml").write_text(yaml.safe_dump(lent))
        return refused(capsys, length=length, base=base, **tokenizer)

    template = {"chat_template": str(CHAT)}
    assert said(**template) == ""
    assert "a tokenizer that the workflow trains has none; name a Jinja file" in said()
    assert "models.S: training.sequence_length: 33 tokens are more than its base" in said(33, **template)
    vocabulary(weights, 401)
    assert "models.S.base: the model has embeddings for 400 tokens, its tokenizer (weights) has 401" in said(
        **template, tokenizer_path="weights"
    )
    base["model"] = "XL"
    assert "models.S.base.model: lent.yaml has no model 'XL'; it has S, L" in said(**template)
    base["model"] = "S"
    lent["models"][0]["architecture"]["hidden_sise"] = 1
    assert "lent.yaml: models.S.architecture.hidden_sise: llama has no such key" in said(**template)


@pytest.mark.parametrize("template", ["{% for", "{{ x", "{% generation %}{% endfor %}", "{% nothing %}"])
def test_what_is_no_template(weights, capsys, template):
    Path("mine.jinja").write_text("{# {% generation %} #}" + template)
    assert "mine.jinja, line 1: this is no valid Jinja template" in refused(capsys, chat_template="mine.jinja")


BLOCK = "{% generation %}x{% endgeneration %}"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{{ raise_exception('never in this house') }}", "never in this house"),
        ("{% for turn in messages %}{{ turn.speaker.name }}{% endfor %}", "has no attribute 'speaker'"),
        ("{{ messages[9].content }}", "has no element 9"),
        ("{{ messages.append(1) }}", "access to attribute 'append'"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ 'x' * 9999999999 }}", "takes more than"),
        (
            "{% for a in messages * 9999999 %}{% for b in messages * 9999999 %}{% endfor %}{% endfor %}",
            "takes more than",
        ),
    ],
)
def test_a_template_that_refuses_every_conversation_is_refused_in_its_own_words(
    weights, capsys, monkeypatch, template, reason
):
    monkeypatch.setattr("admire.preflight.chat_example.SECONDS", 1)
    Path("mine.jinja").write_text(template + BLOCK)
    said = refused(capsys, chat_template="mine.jinja")
    assert "tokenizer.chat_template: that of mine.jinja" in said and reason in said
    own = {"chat_template": template + BLOCK}
    Path("weights/tokenizer_config.json").write_text(json.dumps(own))
    said = refused(capsys)
    assert "tokenizer.chat_template: that of weights" in said and reason in said


@pytest.mark.parametrize(
    "template",
    [
        "{% if messages[0].role == 'system' %}{{ raise_exception('no orders') }}{% endif %}",
        "{% if messages[0].role != 'system' %}{{ raise_exception('orders') }}{% endif %}",
        "{% if messages | length > 2 %}{{ raise_exception('one turn') }}{% endif %}",
        "{{ bos_token + eos_token + pad_token }}",
    ],
)
def test_a_template_that_takes_some_conversations_passes(weights, capsys, template):
    Path("mine.jinja").write_text(template + BLOCK)
    assert refused(capsys, chat_template="mine.jinja") == ""
