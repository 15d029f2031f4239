"""One tokenizer, trained once for all tests of the data room."""

import pytest
from small_campaign import campaign, texts, write_jsonl

from admire.data.tokenizers import train_tokenizer


@pytest.fixture(scope="session")
def tokenizer_path(tmp_path_factory):
    """A folder for `tokenizer.path`."""
    folder = tmp_path_factory.mktemp("tokenizer")
    sources = {name: {"files": write_jsonl(folder / f"{name}.jsonl", [{"text": t} for t in texts()])} for name in "ab"}
    return str(train_tokenizer(campaign(folder, sources)))
