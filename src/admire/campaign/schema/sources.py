"""The sections that describe the training data: `sources`, `tokenizer`, `held_out` and `mixture`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from admire.campaign.schema.base import Strict
from admire.campaign.schema.path_types import FilePath


class Source(Strict):
    """One data source, which comes from exactly one of `corpus`, `files` or `dataset`."""

    corpus: str | None = None
    """The name of a corpus that ADMIRE makes, from files that every Python installation has or from a seed: see
    `admire.data.corpora`."""
    files: list[FilePath] | FilePath | None = None
    """Glob patterns of local `.jsonl` (also `.ndjson`, `.json`), `.parquet` or `.txt` files (a text file is one document). Text
    files may be compressed (`.gz`, `.bz2`, `.xz`, `.zst`). A pattern that is the path of an existing file means that file."""
    dataset: FilePath | None = None
    """A Hugging Face dataset: its name on the hub, downloaded beforehand (see the README), or a local folder in the same
    layout. Only files within that folder are read."""
    subset: str | None = None
    """The dataset's configuration name."""
    split: str = "train"
    """The split of the dataset that is read."""
    where: dict[str, str] = Field(default_factory=dict)
    """Keep only the rows whose columns have these values, e.g. `{source: ai2-adapt-dev/flan_v2_converted}`. A dot leads into a
    column of mappings, e.g. `{meta.pile_set_name: ArXiv}`. Values that are not text are compared with their JSON spelling:
    `"true"`, `"1.5"`, `"null"`; dates with `"2024-01-31"`."""
    column: str = "text"
    """The column that holds the text or, for fine-tuning, the conversation: a list of `{role, content}` or of `{from, value}`, a
    mapping that contains such a list as `messages` or `conversations`, or one of these as JSON text. Tools are read from a column
    `tools` beside it, or from within that mapping."""
    revision: str | None = None
    """For a dataset on the hub: a commit, branch or tag. Another revision in the cache is refused, and the source's card names the
    commit that was read. For any other source: a label of your own, which you change to declare that the content is new."""
    max_documents: PositiveInt | None = None
    """Take at most this many documents."""
    left_out_at_most: Annotated[float, Field(ge=0, le=1)] = 0.01
    """The largest fraction of documents that may be left out; above it the source is refused. The source's card counts the
    left-out documents by reason (blank, no assistant turn, the answer lies beyond the cut, ...). Unless this is 0, up to ten
    documents may be left out even if they are a larger fraction of a small source. It may change at any time."""
    ignore_keys: list[str] = Field(default_factory=list)
    """Fine-tuning: keys of turns that are ignored, e.g. `[id, timestamp]`. Any other key that no known chat template uses is
    refused."""
    bad_rows: Literal["refuse", "skip"] = "skip"
    """The treatment of a row that cannot be used (not JSON, nothing in the column, an unknown key): `skip` leaves it out, counted
    and named, as far as `left_out_at_most` allows; `refuse` refuses the source. It may change at any time."""

    @property
    def deciding(self) -> dict[str, Any]:
        """The keys that decide the source's rows, as far as they differ from their defaults."""
        return self.model_dump(exclude_defaults=True, exclude={"left_out_at_most", "bad_rows"})

    @model_validator(mode="after")
    def _one_origin(self) -> Source:
        if sum(origin is not None for origin in (self.corpus, self.files, self.dataset)) != 1:
            raise ValueError("give exactly one of corpus, files or dataset")
        return self


class Tokenizer(Strict):
    """The tokenizer for all sources: `path`, `vocabulary`, or neither of them for the base model's own."""

    path: FilePath | None = None
    """A Hugging Face tokenizer: a local folder or a name on the hub."""
    vocabulary: PositiveInt | None = None
    """Train a byte-level BPE tokenizer with this many entries on the campaign's own sources."""
    documents_per_source: PositiveInt = 2000
    """The tokenizer is trained on at most this many documents per source."""
    chat_template: FilePath | None = None
    """A Jinja file whose chat template is used for fine-tuning instead of the tokenizer's own."""

    @model_validator(mode="after")
    def _one_origin(self) -> Tokenizer:
        if self.path is not None and self.vocabulary is not None:
            raise ValueError("give path or vocabulary, not both")
        return self


class HeldOut(Strict):
    """Documents of each source that are not trained on. No document is in two splits."""

    validation: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Fraction of each source's documents on which the trials of a campaign are scored. It may be 0 if no suite scores the
    sources."""
    test: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Fraction of each source's documents on which only the benchmark is scored. It may be 0 if no suite scores the sources."""
    max_rows: PositiveInt = 64
    """At most this many rows per source are scored in each of the two splits."""


class Mixture(Strict):
    """The size of a mixture, its limits, and the baseline mixture."""

    rows: PositiveInt
    """Number of rows that a trial draws in all: windows of `training.sequence_length` tokens, or conversations in fine-tuning."""
    max_epochs: PositiveFloat = 1.0
    """How often a row may be drawn at most. It limits the weight of each source to
    `rows of the source * max_epochs / mixture.rows`."""
    prior: Literal["natural", "uniform"] | dict[str, float] = "natural"
    """The baseline mixture, which is the mixture to beat: `natural` (by size), `uniform`, or one weight per source. Weights are
    scaled to sum to 1; a source that is left out gets 0."""
