"""Download everything that a campaign needs from the hub into the caches, which every later job reads offline.

Model weights are downloaded as safetensors only: no pickles, and no code.
"""

from __future__ import annotations

from collections.abc import Iterator

from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.evaluation import Benchmarks
from admire.campaign.schema.sources import Source
from admire.errors import ConfigError
from admire.evaluate.task_code import check_code, guarded_templates
from admire.evaluate.task_data import check_data
from admire.preflight.hub import Needs

TOKENIZER = [
    "config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab*",
    "merges.txt",
    "*.jinja",
]
MODEL = [*TOKENIZER, "*.safetensors", "*.safetensors.index.json", "generation_config.json"]


def fetch(campaign: Campaign, wanted: Needs) -> Iterator[str]:
    """Download everything that is not in the caches yet; yields one line per model, tokenizer, dataset and suite when it is there.

    Raises:
        ConfigError: names what cannot be downloaded, and why.
    """
    for name in wanted.models:
        _snapshot(name, MODEL)
        yield f"model {name}"
    for name in wanted.tokenizers:
        _snapshot(name, TOKENIZER)
        yield f"tokenizer {name}"
    for source in wanted.datasets:
        yield f"dataset {source.dataset}: {_dataset(source):,} rows in split {source.split}"
    for name, suite in campaign.evaluation.items():
        if isinstance(suite, Benchmarks):
            _tasks(name, suite)
            yield f"tasks of suite {name}: {', '.join(suite.tasks)}"


def _snapshot(name: str, patterns: list[str]) -> None:
    from huggingface_hub import snapshot_download

    try:
        snapshot_download(name, allow_patterns=patterns)
    except (OSError, ValueError) as error:  # The errors of huggingface_hub are subclasses of these.
        raise _refusal(name, error) from None


def _dataset(source: Source) -> int:
    import datasets

    try:
        return len(datasets.load_dataset(source.dataset, source.subset, split=source.split, revision=source.revision))
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise _refusal(str(source.dataset), error) from None


def _tasks(name: str, suite: Benchmarks) -> None:
    """Let lm-eval load the tasks as an evaluation does, so that it downloads their data and whatever else their code needs."""
    from lm_eval.tasks import TaskManager

    try:
        check_code(suite)
        check_data(suite)
    except ConfigError as error:
        raise ConfigError(f"evaluation.{name}: {error}") from None
    for task in suite.tasks:
        try:
            with guarded_templates(suite):
                TaskManager(include_path=suite.include_path, metadata={"admire_split": "validation"}).load([task])
        except (OSError, ValueError, RuntimeError, ImportError) as error:
            raise _refusal(f"evaluation.{name}.tasks.{task}", error) from None


def _refusal(name: str, error: Exception) -> ConfigError:
    reason = " ".join(str(error).split()).rstrip(".")[:300]
    return ConfigError(
        f"{name}: cannot be fetched ({reason}); correct the name, log in where it is gated (`hf auth login`), or try where "
        "there is a network"
    )
