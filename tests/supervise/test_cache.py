"""Where the home folder cannot be written Snakemake gets a cache elsewhere, and that of Hugging Face stays where it was."""

from pathlib import Path

import pytest

from admire.supervise.cache import cache_elsewhere


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")  # nothing can be made below it, whoever asks
    return tmp_path


@pytest.mark.parametrize("told", [{"HOME": "{here}/home"}, {"HOME": "{here}/file", "XDG_CACHE_HOME": "{here}/caches"}])
def test_a_cache_that_can_be_written_is_left_alone(here, told):
    assert cache_elsewhere({name: value.format(here=here) for name, value in told.items()}) == {}


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({"HOME": "{here}/file"}, "{here}/file/.cache/huggingface"),
        ({"HOME": "{here}/home", "XDG_CACHE_HOME": "{here}/file/x"}, "{here}/file/x/huggingface"),
        ({"HOME": "{here}/file", "HF_HOME": "/data/hf"}, "/data/hf"),
    ],
)
def test_one_that_cannot_is_made_elsewhere(here, told, kept):
    found = cache_elsewhere({name: value.format(here=here) for name, value in told.items()})
    assert found == {"XDG_CACHE_HOME": str(Path(".snakemake/cache").absolute()), "HF_HOME": kept.format(here=here)}
