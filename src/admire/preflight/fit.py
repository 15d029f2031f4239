"""Do the suites fit the models and the tokenizer?

Answers must fit into each model's context, there must be enough items to draw few-shot examples from, and `chat_template` needs a
tokenizer that has one. All this is known before a GPU is requested, for architectures, model weights and base models alike.
"""

from __future__ import annotations

import csv
import glob
import json
from pathlib import Path
from typing import Any

from admire.campaign import task_files
from admire.campaign.recipes import base_campaign, ready_tokenizer, tokenizer_owner
from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.evaluation import Benchmarks
from admire.campaign.schema.models import Model
from admire.campaign.task_contents import READERS
from admire.campaign.task_files import TaskFile
from admire.errors import ConfigError
from admire.evaluate.task_checks import answer_tokens, data_files, shown_from
from admire.preflight.hub import model_file, on_hub, prepared
from admire.preflight.models import own_template

# lm-eval takes the first of these keys that a model's configuration has for the length of the context.
LENGTHS = ("n_positions", "max_position_embeddings", "n_ctx")


def check_fit(campaign: Campaign, origin: str) -> None:
    """Refuse suites on which at least one model of the campaign cannot be scored, and conversations longer than a base model reads.

    Raises:
        ConfigError: names the suite, the task and the reason.
    """
    lengths = {model.name: length for model in campaign.models if (length := context_of(model)) is not None}
    for name, length in lengths.items():
        if campaign.model(name).base is not None and campaign.training.sequence_length > length:
            raise ConfigError(
                f"{origin}: models.{name}: training.sequence_length: {campaign.training.sequence_length} tokens are more than "
                f"its base model's max_position_embeddings, {length}; shorten the conversations, or choose a base that reads more"
            )
    for name, suite in campaign.evaluation.items():
        if isinstance(suite, Benchmarks):
            try:
                _check_suite(campaign, suite, lengths)
            except ConfigError as error:
                raise ConfigError(f"{origin}: evaluation.{name}: {error}") from None


def context_of(model: Model) -> int | None:
    """The context of a model in tokens, from its architecture, the `config.json` of its weights, or its base model.

    Returns:
        None if it is not known yet, because files were not fetched or the configuration names no length.
    """
    if model.base is not None:
        lender = base_campaign(model)
        return context_of(lender.model(model.base.model)) if lender else None
    if model.architecture is not None:
        return _length(_whole(model.architecture))
    config = model_file(model.path, "config.json") if model.path else None
    return _length(json.loads(config.read_text(encoding="utf-8"))) if config else None


def _check_suite(campaign: Campaign, suite: Benchmarks, lengths: dict[str, int]) -> None:
    if suite.chat_template:
        _check_template(campaign)
    files = task_files.places(suite)
    for task in suite.tasks:
        for leaf in task_files.leaves(files, task):
            member = "" if leaf.name == task else f" its member {leaf.name}:"
            answer = answer_tokens(leaf)
            for name, length in lengths.items():
                if answer is not None and answer >= length:
                    raise ConfigError(
                        f"tasks.{task}:{member} answers may have {answer} tokens, and models.{name} reads {length} with the "
                        "prompt; write generation_kwargs: {max_gen_toks: ...} with fewer into its file, or leave the task out"
                    )
            asked = suite.few_shot_of(task)
            shots, items = leaf.few_shot if asked is None else asked, _pool(leaf)
            if shots and items is not None and shots + _leaves_own_out(leaf) > items:
                raise ConfigError(
                    f"tasks.{task}:{member} {shots} examples are requested, and there are {items} to draw from"
                    f"{', the item itself apart' if _leaves_own_out(leaf) else ''}; lower few_shot"
                )


def _check_template(campaign: Campaign) -> None:
    """Refuse a suite with `chat_template: true` if the tokenizer that is saved with trials has no chat template."""
    if campaign.tokenizer.chat_template is not None:
        return
    where, owner = ready_tokenizer(campaign), tokenizer_owner(campaign)
    if where is None:
        what = f"the tokenizer that is trained (vocabulary: {owner.tokenizer.vocabulary if owner else 'unknown'})"
    elif model_file(where, "tokenizer_config.json") is None or own_template(where):
        return  # It has one, or it was not fetched yet.
    else:
        what = f"the tokenizer of {where}"
    raise ConfigError(
        f"chat_template: {what} has no chat template; name a Jinja file in tokenizer.chat_template, or take this out"
    )


def _whole(architecture: dict[str, object]) -> dict[str, object]:
    """An architecture with transformers' defaults for the keys that it leaves out; unchanged if transformers refuses it."""
    if any(key in architecture for key in LENGTHS):
        return architecture
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    keys: dict[str, Any] = dict(architecture)
    try:
        return CONFIG_MAPPING[str(keys.pop("model_type"))](**keys).to_dict()
    except Exception:  # `check_models` refuses such an architecture with a sentence of its own.
        return architecture


def _length(config: dict[str, object]) -> int | None:
    nested = config.get("text_config")
    found = [part.get(key) for part in (nested, config) if isinstance(part, dict) for key in LENGTHS]
    return next((length for length in found if isinstance(length, int)), None)


def _leaves_own_out(leaf: TaskFile) -> bool:
    """Whether examples come from the scored split: then lm-eval draws one more, because the item itself may be among them."""
    split = leaf.content.get("fewshot_split")
    return split is not None and split == leaf.content.get("test_split")


def _pool(leaf: TaskFile) -> int | None:
    """How many items examples are drawn from; None if only the task's code can tell, or if its data are not on this machine."""
    config = leaf.content.get("fewshot_config") or {}
    samples, split = config.get("samples"), shown_from(leaf)
    if split is None:
        return len(samples) if isinstance(samples, list) else None
    if leaf.content.get("process_docs") or config.get("process_docs") or "class" in leaf.content:
        return None
    dataset = str(leaf.content.get("dataset_path"))
    if dataset in READERS:
        paths = [path for pattern in data_files(leaf).get(split, []) for path in glob.glob(pattern, recursive=True)]
        counts = [_rows(Path(path)) for path in paths]
        known = [count for count in counts if count is not None]
        return sum(known) if known and len(known) == len(counts) else None
    folder = prepared(dataset, leaf.content.get("dataset_name")) if on_hub(dataset) else None
    if folder is None:
        return None
    splits = json.loads((folder / "dataset_info.json").read_text(encoding="utf-8")).get("splits") or {}
    return splits.get(split, {}).get("num_examples")


def _rows(path: Path) -> int | None:
    """How many rows a local file has; None for formats in which counting is slow, and for files that cannot be read."""
    try:
        if path.suffix == ".parquet":
            from pyarrow.parquet import read_metadata

            return read_metadata(path).num_rows
        if path.suffix == ".jsonl":
            with path.open("rb") as stream:
                return sum(bool(line.strip()) for line in stream)
        if path.suffix == ".csv":
            with path.open(newline="", encoding="utf-8") as stream:
                return sum(1 for _ in csv.DictReader(stream))
    except (OSError, ValueError, csv.Error):
        return None
    return None
