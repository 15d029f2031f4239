"""The sections that say what a trial is trained on: `sources`, `tokenizer`, `held_out` and `mixture`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from admire.campaign.paths import FilePath
from admire.campaign.schema.base import Strict


class Source(Strict):
    """Where one data source comes from: exactly one of `corpus`, `files` or `dataset`."""

    corpus: str | None = None
    """A corpus that ADMIRE makes from what every Python installation carries, or from a seed: see `admire.data.corpora`."""
    files: list[FilePath] | FilePath | None = None
    """Glob patterns of local `.jsonl` (also `.ndjson`, `.json`), `.parquet` or `.txt` files (a text file is one document); text may
    be compressed (`.gz`, `.bz2`, `.xz`, `.zst`). A path that is there is taken as it is written."""
    dataset: FilePath | None = None
    """A Hugging Face dataset: its name on the hub (cached before, see the README) or a local folder in the same layout, of which
    only what lies in it is read."""
    subset: str | None = None
    """The dataset's configuration name."""
    split: str = "train"
    """The dataset's split to take."""
    where: dict[str, str] = Field(default_factory=dict)
    """Keep only the rows whose columns have these values, e.g. `{source: ai2-adapt-dev/flan_v2_converted}`; a dot looks into a
    column of mappings, e.g. `{meta.pile_set_name: ArXiv}`. What is no text is compared as JSON spells it: `"true"`, `"1.5"`,
    `"null"`; dates as `"2024-01-31"`."""
    column: str = "text"
    """The column that holds the text, or, for fine-tuning, the conversation: a list of `{role, content}` or of `{from, value}`, a
    mapping with `messages` or `conversations` inside, or either as JSON text; tools stand in a column `tools`
    beside it, or inside."""
    revision: str | None = None
    """Of a dataset on the hub: its commit, or a branch or tag; another one in the cache is refused, and the commit that was read
    is in the source's card. Of anything else a label of your own: changing it says that new content is meant."""
    max_documents: PositiveInt | None = None
    """Take at most this many documents."""
    left_out_at_most: Annotated[float, Field(ge=0, le=1)] = 0.01
    """The fraction of documents that may be left out, each counted with its reason in the source's card (blank, no turn of an
    assistant, its answer behind the cut, ...); with more the source is refused. Up to ten are left out whatever fraction of a small
    source they are, unless this is 0. It may change at any time."""
    ignore_keys: list[str] = Field(default_factory=list)
    """Fine-tuning: keys of turns that may be left out, e.g. `[id, timestamp]`; any other key that no chat template is known to take
    is refused."""
    bad_rows: Literal["refuse", "skip"] = "skip"
    """A row that cannot be used (no JSON, nothing in the column, an unknown key) is left out, counted and named, within what
    `left_out_at_most` allows (`skip`), or stops the source (`refuse`). It may change at any time."""

    @property
    def deciding(self) -> dict[str, Any]:
        """What decides the source's rows, where it is not the default."""
        return self.model_dump(exclude_defaults=True, exclude={"left_out_at_most", "bad_rows"})

    @model_validator(mode="after")
    def _one_origin(self) -> Source:
        if sum(origin is not None for origin in (self.corpus, self.files, self.dataset)) != 1:
            raise ValueError("give exactly one of corpus, files or dataset")
        return self


class Tokenizer(Strict):
    """The tokenizer all sources are prepared with: `path`, `vocabulary`, or neither for the base model's own."""

    path: FilePath | None = None
    """A Hugging Face tokenizer: a local folder or a name on the hub."""
    vocabulary: PositiveInt | None = None
    """Train a byte-level BPE tokenizer with this many entries on the campaign's own sources."""
    documents_per_source: PositiveInt = 2000
    """At most so many documents of each source train the tokenizer."""
    chat_template: FilePath | None = None
    """A Jinja file with the chat template for fine-tuning, instead of the tokenizer's own."""

    @model_validator(mode="after")
    def _one_origin(self) -> Tokenizer:
        if self.path is not None and self.vocabulary is not None:
            raise ValueError("give path or vocabulary, not both")
        return self


class HeldOut(Strict):
    """Documents kept from training, a source's share each. No document is in two splits."""

    validation: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of documents that campaigns are scored on; 0 where no suite scores the sources."""
    test: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of documents that only the benchmark is scored on; 0 as above."""
    max_rows: PositiveInt = 64
    """At most so many rows of a source are scored in each split."""


class Mixture(Strict):
    """What a mixture is made of."""

    rows: PositiveInt
    """Rows a trial draws in all: windows of `training.sequence_length` tokens, or conversations in fine-tuning."""
    max_epochs: PositiveFloat = 1.0
    """How often a row of a source may be drawn at most: a source's cap is `rows of the source * max_epochs / mixture.rows`."""
    prior: Literal["natural", "uniform"] | dict[str, float] = "natural"
    """The mixture to beat: `natural` (by size), `uniform`, or a weight a source; they are scaled to sum 1, one left out gets 0."""
