"""Speed of one training on one GPU, beside plain `Trainer` and `SFTTrainer` scripts as their documentation writes them.

    python benchmarks/gpu/gpu.py --out benchmarks/gpu      on a GPU: minutes a line
    python benchmarks/gpu/gpu.py --tiny --out FOLDER               on anything: shows that it works, its figures mean nothing

Each line is a process of its own. Random weights, random tokens: speed does not depend on either. What is measured is read by
one callback in all of them: tokens (padding excluded) a second over the steps after the first five and without a checkpoint,
model FLOPs utilisation (6 x parameters + 6 x layers x width x length FLOPs a token, causal attention counted once, over the
GPU's dense bfloat16 peak), peak memory, process start to first step, seconds a checkpoint.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

PEAK_TFLOPS = {"H100": 989, "H200": 989, "A100": 312, "L40S": 362}  # dense bfloat16, from NVIDIA's data sheets
SKIPPED = 5  # steps that warm up
SHAPES = {
    "Qwen2.5-0.5B": {
        "model_type": "qwen2",
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "vocab_size": 151936,
    },
    "Llama-1B": {
        "model_type": "llama",
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
    },
}
TINY = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
TINY |= {"num_key_value_heads": 2, "vocab_size": 300}
FULL_SIZE = {"length": 2048, "batch": 32, "rows_at_once": 8, "steps": 40, "checkpoint_minutes": 0.1}
TINY_SIZE = {"length": 64, "batch": 8, "rows_at_once": 4, "steps": 24, "checkpoint_minutes": 0.02}


class Clock:
    """Watches every `Trainer` of this process, through the door that all of them have."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.saves: list[float] = []
        self.saved_in: set[int] = set()

    def watch(self) -> None:
        from transformers import Trainer, TrainerCallback

        clock = self

        class Ticks(TrainerCallback):
            def on_step_end(self, *_: Any, **__: Any) -> None:
                clock.ends.append(time.time())

        make, save = Trainer.__init__, Trainer._save_checkpoint

        def made(trainer: Any, *args: Any, **kwargs: Any) -> None:
            make(trainer, *args, **kwargs)
            trainer.add_callback(Ticks)

        def saved(trainer: Any, *args: Any) -> None:
            begin = time.time()
            save(trainer, *args)
            clock.saves.append(time.time() - begin)
            clock.saved_in.add(len(clock.ends))  # the step that is measured next

        Trainer.__init__, Trainer._save_checkpoint = made, saved

    def figures(self, tokens_a_step: float) -> dict[str, Any]:
        import psutil
        import torch

        steps = [
            after - before
            for number, (before, after) in enumerate(zip(self.ends, self.ends[1:], strict=False), start=1)
            if number >= SKIPPED and number not in self.saved_in
        ]
        if not steps:
            raise SystemExit("no step passed without a checkpoint: the machine is too busy to be measured")
        gpu = torch.cuda.is_available()
        return {
            "tokens_per_second": tokens_a_step * len(steps) / sum(steps),
            "peak_gb": torch.cuda.max_memory_allocated() / 1e9 if gpu else None,
            "first_step_seconds": self.ends[0] - psutil.Process().create_time(),
            "checkpoint_seconds": float(np.median(self.saves)) if self.saves else None,
            "device": torch.cuda.get_device_name() if gpu else "CPU",
        }


def random_rows(
    kind: str, size: dict[str, Any], vocabulary: int, rng: np.random.Generator
) -> tuple[np.ndarray, dict[str, Any]]:
    """Lengths of rows, and the rows as a prepared source has them."""
    count, length = size["steps"] * size["batch"], size["length"]
    # conversations are as long as those of instruction mixtures are: many short ones, a few of full length
    lengths = np.full(count, length) if kind == "pretrain" else rng.lognormal(np.log(length / 5), 0.9, count)
    lengths = np.clip(lengths, 8, length).astype(int)
    rows = {"input_ids": [rng.integers(3, vocabulary, n) for n in lengths], "bytes": lengths}
    if kind == "sft":
        rows["assistant_masks"] = [np.ones(n, dtype=np.int8) for n in lengths]
    return lengths, rows


def training_settings(kind: str, size: dict[str, Any], cpu: bool) -> dict[str, Any]:
    """What a spec says of the training."""
    training = {"kind": kind, "sequence_length": size["length"], "batch_size": size["batch"], "learning_rate": 1e-4}
    training |= {
        "schedule": "cosine",
        "warmup_share": 0.1,
        "weight_decay": 0.1,
        "adam_beta2": 0.95,
        "max_grad_norm": 1.0,
    }
    training |= {"epochs": 1, "dtype": "float32" if cpu else "bfloat16", "diverged_above": 50.0, "seed": 0}
    training |= {"loss_on": "all"} if kind == "sft" else {}
    return training


def prepare(root: Path, kind: str, shape: dict[str, Any], size: dict[str, Any], attention: str) -> dict[str, Any]:
    """A trial and what the plain scripts need: tokenizer, rows, weights to start from."""
    import datasets
    import torch
    from tokenizers import Tokenizer, models
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    from admire.campaign.layout import Layout
    from admire.data.mixing import build_data
    from admire.data.tokenizers import tokenizer_sha256
    from admire.trials.atomic_files import write_json
    from admire.trials.identity import Spec

    layout, rng = Layout(root / "results"), np.random.default_rng(0)
    words = Tokenizer(models.WordLevel({f"t{i}": i for i in range(shape["vocab_size"])}, unk_token="t0"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="t1", pad_token="t2")
    tokenizer.save_pretrained(layout.tokenizer("t"))
    content = tokenizer_sha256(PreTrainedTokenizerFast.from_pretrained(layout.tokenizer("t")))
    lengths, rows = random_rows(kind, size, shape["vocab_size"], rng)
    count, length = len(lengths), size["length"]
    folder = layout.source("random", kind)
    datasets.Dataset.from_dict(rows).save_to_disk(folder / "train")
    sha256 = hashlib.sha256(kind.encode()).hexdigest()
    write_json(
        folder / "card.json", {"splits": {"train": {"rows": count, "tokens": int(lengths.sum()), "sha256": sha256}}}
    )
    architecture = {**shape, "max_position_embeddings": length, "tie_word_embeddings": True}
    model: dict[str, Any] = {"architecture": architecture}
    start = AutoModelForCausalLM.from_config(AutoConfig.for_model(**architecture), dtype=torch.float32)
    if kind == "sft":
        start.save_pretrained(root / "start")
        model = {"path": str(root / "start")}
    cpu = not torch.cuda.is_available()
    training = training_settings(kind, size, cpu)
    decides = {"recipe": 1, "model": model, "tokenizer": content, "sources": [{"sha256": sha256, "rows": count}]}
    decides |= {"training": training, "replicate": 0} | ({"threads": torch.get_num_threads()} if cpu else {})
    labels = {"model": "bench", "campaign": "bench", "tokenizer": {"folder": "tokenizers/t"}, "chat_template": None}
    labels |= {"sources": {sha256: {"name": "random", "folder": f"sources/random/{kind}"}}}
    spec = Spec(decides, labels)
    trial = layout.trial("bench", spec.digest)
    write_json(trial.spec, spec.as_dict())
    build_data(trial)
    parameters = sum(weight.numel() for weight in start.parameters())
    flops = 6 * (
        parameters + shape["num_hidden_layers"] * shape["hidden_size"] * float(np.average(lengths, weights=lengths))
    )
    return {
        "kind": kind,
        "trial": str(trial.folder),
        "rows": str(folder / "train"),
        "tokenizer": str(layout.tokenizer("t")),
        "architecture": architecture,
        "start": str(root / "start"),
        "tokens_a_step": float(lengths.sum()) / size["steps"],
        "flops_a_token": flops,
        "attention": attention,
        "bf16": not cpu,
        **size,
    }


def ours(case: dict[str, Any], padding_free: bool) -> None:
    """`admire train`."""
    from admire.campaign.layout import TrialLayout
    from admire.campaign.schema.resources import Resources
    from admire.train.run import train_trial

    how = Resources(rows_per_device=case["rows_at_once"], attention=case["attention"], padding_free=padding_free)
    assert train_trial(TrialLayout(Path(case["trial"])), case["checkpoint_minutes"], resources=how) == 0


def plain(case: dict[str, Any], packing: bool) -> None:
    """As the documentation of transformers and of TRL writes it."""
    import datasets
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        AutoTokenizer,
        DataCollatorForLanguageModeling,
        Trainer,
        TrainingArguments,
    )
    from trl import SFTConfig, SFTTrainer

    rows = datasets.load_from_disk(case["rows"]).select_columns(["input_ids"])
    tokenizer = AutoTokenizer.from_pretrained(case["tokenizer"])
    common = {
        "output_dir": str(Path(case["trial"]) / "plain"),
        "per_device_train_batch_size": case["rows_at_once"],
        "gradient_accumulation_steps": case["batch"] // case["rows_at_once"],
        "bf16": case["bf16"],
        "use_cpu": not case["bf16"],
        "learning_rate": 1e-4,
        "save_steps": case["steps"] // 2,
        "report_to": "none",
    }
    if case["kind"] == "sft":
        if packing:  # as many tokens in a step as conversations fill
            full = case["tokens_a_step"] / case["length"]
            common["gradient_accumulation_steps"] = max(1, round(full / case["rows_at_once"]))
        config = SFTConfig(
            **common,
            num_train_epochs=1,
            max_length=case["length"],
            packing=packing,
            activation_checkpointing=False,
            model_init_kwargs={"attn_implementation": case["attention"]},
        )
        SFTTrainer(model=case["start"], args=config, train_dataset=rows, processing_class=tokenizer).train()
        return
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(**case["architecture"]), attn_implementation=case["attention"]
    )
    Trainer(
        model=model,
        args=TrainingArguments(**common, num_train_epochs=1),
        train_dataset=rows,
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False),
    ).train()


RUNS = {
    "admire": lambda case: ours(case, padding_free=False),
    "admire, padding-free": lambda case: ours(case, padding_free=True),
    "plain": lambda case: plain(case, packing=False),
    "plain, packing": lambda case: plain(case, packing=True),
}


def measure(case: dict[str, Any], who: str) -> dict[str, Any]:
    """In this process: one run and its figures."""
    clock = Clock()
    clock.watch()
    RUNS[who](case)
    steps = len(clock.ends)
    figures = clock.figures(case["tokens_a_step"] * case["steps"] / steps)
    peak = next((peak for name, peak in PEAK_TFLOPS.items() if name in figures["device"]), None)
    spent = figures["tokens_per_second"] * case["flops_a_token"] / 1e12
    return {**figures, "steps": steps, "mfu": spent / peak if peak else None}


def table(results: list[dict[str, Any]], command: str) -> str:
    """As Markdown."""
    head = "| model | training | by | tokens/s | MFU | peak GB | first step s | checkpoint s |\n|---|---|---|---|---|---|---|---|\n"
    shown = lambda value, form: "-" if value is None else format(value, form)  # noqa: E731
    lines = [
        f"| {one['model']} | {one['kind']} | {one['who']} | {one['tokens_per_second']:,.0f} | {shown(one['mfu'], '.1%')} | "
        f"{shown(one['peak_gb'], '.1f')} | {one['first_step_seconds']:.1f} | {shown(one['checkpoint_seconds'], '.2f')} |"
        for one in results
    ]
    return f"`{command}` on {results[0]['device']}\n\n{head}" + "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="where the table and the figures are written")
    parser.add_argument("--tiny", action="store_true", help="models of a few thousand weights")
    parser.add_argument("--run", nargs=2, metavar=("CASE", "WHO"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        result = measure(json.loads(Path(args.run[0]).read_text()), args.run[1])
        args.out.write_text(json.dumps(result))
        return
    flash = find_spec("flash_attn") is not None and not args.tiny
    results = []
    args.out.mkdir(parents=True, exist_ok=True)
    for name, shape in SHAPES.items():
        for kind in ("pretrain", "sft"):
            for who in RUNS:
                joined = "padding-free" in who or "packing" in who
                # end to end, attention is confined to a conversation by flash attention; TRL's packing has nothing else
                if joined and (kind == "pretrain" or (who.startswith("plain") and not flash)):
                    continue
                with tempfile.TemporaryDirectory() as folder:
                    small = {"model_type": shape["model_type"], **TINY} if args.tiny else shape
                    size = TINY_SIZE if args.tiny else FULL_SIZE
                    case = prepare(Path(folder), kind, small, size, "flash_attention_2" if flash else "sdpa")
                    (Path(folder) / "case.json").write_text(json.dumps(case))
                    out = Path(folder) / "figures.json"
                    told = ["--out", str(out), "--run", str(Path(folder) / "case.json"), who]
                    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
                    subprocess.run([sys.executable, __file__, *told], check=True, env=environment)
                    results.append({"model": name, "kind": kind, "who": who, **json.loads(out.read_text())})
                    print(results[-1], flush=True)
    (args.out / "training.json").write_text(json.dumps(results, indent=1) + "\n")
    text = table(results, "python benchmarks/gpu/gpu.py" + (" --tiny" if args.tiny else ""))
    (args.out / "README.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
