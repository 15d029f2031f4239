"""Tiny data and models in the hub's layout, and what overrides a shipped campaign so that it runs on them."""

import json
import random
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
WORDS = [
    "river",
    "stone",
    "lamp",
    "garden",
    "winter",
    "bread",
    "silver",
    "letter",
    "music",
    "harbour",
    "cloud",
    "engine",
]


def text(rng, words=40):
    return " ".join(rng.choice(WORDS) for _ in range(words)) + "."


def shipped(name):
    return yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())


def write_tulu(folder):
    """The layout of allenai/tulu-3-sft-mixture: Parquet shards with id, messages and source."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = []
    for source in shipped("tulu")["sources"].values():
        origin = source["where"]["source"]
        rng = random.Random(origin)
        for number in range(30):
            turns = [("user", text(rng, 6)), ("assistant", text(rng, 6))] * rng.choice((1, 2))
            messages = [{"content": content, "role": role} for role, content in turns]
            rows.append({"id": f"{origin}_{number}", "messages": messages, "source": origin})
    random.Random(0).shuffle(rows)
    (folder / "data").mkdir(parents=True)
    for shard in range(2):
        pq.write_table(pa.Table.from_pylist(rows[shard::2]), folder / f"data/train-{shard:05}-of-00002.parquet")


def write_pile(folder):
    """The layout of monology/pile-uncopyrighted: JSON lines with text and meta.pile_set_name."""
    rows = []
    for source in shipped("pile")["sources"].values():
        domain = source["where"]["meta.pile_set_name"]
        rng = random.Random(domain)
        rows += [{"text": f"{domain}: {text(rng)}", "meta": {"pile_set_name": domain}} for _ in range(60)]
    random.Random(0).shuffle(rows)
    (folder / "train").mkdir(parents=True)
    for shard in range(2):
        lines = "".join(json.dumps(row) + "\n" for row in rows[shard::2])
        (folder / f"train/{shard:02}.jsonl").write_text(lines)


def write_tokenizer(folder):
    """A byte-level BPE tokenizer with an end-of-text token, as Qwen2.5's and GPT-NeoX's."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator([" ".join(WORDS)] * 10, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|endoftext|>", pad_token="<|endoftext|>")
    tokenizer.save_pretrained(folder)
    return tokenizer


def write_qwen(folder, hidden_size):
    """A Qwen2 of one layer with its tokenizer, saved as safetensors."""
    from transformers import Qwen2Config, Qwen2ForCausalLM, set_seed

    tokenizer = write_tokenizer(folder)
    set_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=hidden_size,
        intermediate_size=2 * hidden_size,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        eos_token_id=tokenizer.eos_token_id,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)


def write_tasks(folder):
    """The tasks of suite `id` with the metrics that the campaign names, on items of their own; two are shipped files."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir()
    popqa = [{"question": f"Who is {word}?", "obj": word, "possible_answers": json.dumps([word])} for word in WORDS]
    mmlu = [{"question": f"Which is {word}?", "choices": WORDS[:4], "answer": i % 4} for i, word in enumerate(WORDS)]
    plain = [{"question": f"Say {word}.", "answer": word} for word in WORDS]
    for name, rows in (("popqa", popqa), ("mmlu_cot", mmlu), ("plain", plain)):
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")
    (folder / "scores.py").write_text(
        "def f1(document, results):\n    return {'f1': float(document['answer'] in results[0])}\n\n\n"
        "def ifeval(document, results):\n    return {'prompt_level_loose_acc': float(len(results[0]) > 0)}\n"
    )
    tasks = shipped("tulu")["evaluation"]["id"]["tasks"]
    for name, task in tasks.items():
        metric, _, chosen = task["metric"].partition(",")
        own = name in ("popqa", "mmlu_cot")
        content = {
            "task": name,
            "dataset_path": "parquet",
            "dataset_kwargs": {"data_files": {"test": str(folder / f"{name if own else 'plain'}.parquet")}},
        }
        if own:
            lines = f"include: {ROOT}/config/tulu-tasks/{name}.yaml\n"
            content |= {"dataset_name": None, "generation_kwargs": {"until": ["\n"], "max_gen_toks": 4}}
        else:
            lines = (
                f"process_results: !function scores.{name.replace('drop', 'f1')}\n"
                if name in ("drop", "ifeval")
                else ""
            )
            content |= {
                "test_split": "test",
                "fewshot_split": "test",
                "output_type": "multiple_choice" if metric == "acc" else "generate_until",
                "doc_to_text": "{{question}}",
                "doc_to_target": "{{answer}}",
                "metric_list": [{"metric": metric, "aggregation": "mean", "higher_is_better": True}],
            }
            if metric == "acc":
                content |= {"doc_to_choice": WORDS, "doc_to_target": "{{['" + "','".join(WORDS) + "'].index(answer)}}"}
            else:
                content |= {
                    "generation_kwargs": {"until": ["\n"], "max_gen_toks": 4},
                    "filter_list": [{"name": chosen or "none", "filter": [{"function": "take_first"}]}],
                }
        (folder / f"{name}.yaml").write_text(lines + yaml.safe_dump(content, sort_keys=False))


def small_tulu(hub):
    """What makes config/tulu.yaml, and config/admire-ift-runs.yaml, small."""
    whole = shipped("tulu")
    gone = [metric for metric in whole["objective"] if not metric.startswith("id/")]
    models = [
        {key: model[key] for key in ("name", "cost", "target") if key in model}
        | {"path": str(hub / f"Qwen2.5-{model['name']}"), "resources": {"threads": 1, "minutes": 5, "mem_gb": 1}}
        for model in whole["models"]
    ]
    return {
        "sources": {name: {"dataset": str(hub / "tulu-3-sft-mixture")} for name in whole["sources"]},
        "tokenizer": {"path": str(hub / "Qwen2.5-0.5B"), "chat_template": str(ROOT / "config/tulu-chat.jinja")},
        "mixture": {"rows": 64},
        "models": models,
        "training": {"sequence_length": 64, "batch_size": 16, "epochs": 1, "dtype": "float32", "learning_rate": 1e-3},
        "evaluation": {
            "id": {
                "include_path": str(hub / "tasks"),
                "trusts_code": True,
                "limit": 2,
                "tasks": {"popqa": {"few_shot": 2}, "minerva_math": {"few_shot": 1}, "gsm8k_cot": {"few_shot": 1}},
            },
            "ood": None,
            "code": None,
        },
        "objective": dict.fromkeys(gone),
    }


def small_pile(hub):
    """What makes config/pile.yaml small."""
    whole = shipped("pile")
    width = {"1M": 8, "60M": 16, "1B": 32}
    models = [
        {key: model[key] for key in ("name", "cost", "target") if key in model}
        | {
            "rows": 32,
            "architecture": model["architecture"]
            | {
                "hidden_size": width[model["name"]],
                "intermediate_size": 2 * width[model["name"]],
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "num_key_value_heads": 2,
            },
            "resources": {"threads": 1, "minutes": 5, "mem_gb": 1},
        }
        for model in whole["models"]
    ]
    return {
        "sources": {name: {"dataset": str(hub / "pile-uncopyrighted")} for name in whole["sources"]},
        "tokenizer": {"path": str(hub / "gpt-neox-20b")},
        "held_out": {"validation": 0.2, "test": 0.2, "max_rows": 2},
        "mixture": {"rows": 32},
        "models": models,
        "training": {"sequence_length": 32, "batch_size": 8, "dtype": "float32", "learning_rate": 1e-2},
        "optimizer": {"initial": 2},
        "budget": {"total": 929.3, "lanes": 1},
    }
