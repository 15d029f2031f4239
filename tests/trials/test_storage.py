"""Errors of storage are known however they are wrapped, and are no attempts."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from admire.errors import StorageError, TrialError
from admire.trials import storage
from admire.trials.atomic_files import write_json
from admire.trials.attempts import Attempts

KINDS = [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ESTALE, errno.EIO, errno.EFBIG]


@pytest.fixture
def no_large_files() -> Iterator[None]:
    """The system refuses to make a file larger than 100 kB, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def write_safetensors(path: Path) -> None:
    safetensors.torch.save_file({"a": torch.zeros(100_000)}, path)


def write_torch(path: Path) -> None:
    torch.save({"a": torch.zeros(100_000)}, path)


def write_arrow(path: Path) -> None:
    table = pyarrow.table({"a": list(range(100_000))})
    with pyarrow.OSFile(str(path), "wb") as sink, pyarrow.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def write_ours(path: Path) -> None:
    write_json(path, {"a": "b" * 200_000})


@pytest.mark.parametrize("write", [write_safetensors, write_torch, write_arrow, write_ours])
def test_what_the_libraries_say_is_understood(tmp_path: Path, no_large_files: None, write) -> None:
    with pytest.raises(Exception) as raised:
        write(tmp_path / "file")
    found = storage.trouble(raised.value, tmp_path)
    assert isinstance(found, StorageError), raised.value
    assert str(tmp_path) in str(found) and "free" in str(found) and "the same command goes on" in str(found)


@pytest.mark.parametrize("number", KINDS)
def test_numbers_words_and_causes(tmp_path: Path, number: int) -> None:
    bare = OSError(number, os.strerror(number), str(tmp_path / "deep/file"))
    wrapped = RuntimeError(f"I/O error: {os.strerror(number)} (os error {number})")
    caused = ValueError("An error occurred while generating the dataset")
    caused.__cause__ = bare
    during = KeyError("x")
    during.__context__ = bare
    for error in (bare, wrapped, caused, during):
        said = str(storage.trouble(error, tmp_path))
        assert said.startswith(str(tmp_path)) and "\n" not in said and "Traceback" not in said
    assert f"{tmp_path}/deep: " in str(storage.trouble(bare, tmp_path))


OTHERS = [
    ValueError("no"),
    RuntimeError("CUDA out of memory"),
    TrialError("the index has no space left"),
    OSError(errno.ENOENT, "No such file or directory", "x"),
    OSError(errno.ENOTCONN, "Transport endpoint is not connected"),  # a socket
    MemoryError(),
    PermissionError(errno.EACCES, "Permission denied", "/elsewhere/x"),
]


@pytest.mark.parametrize("error", OTHERS, ids=repr)
def test_other_errors_are_others(tmp_path: Path, error: Exception) -> None:
    assert storage.trouble(error, tmp_path / "results/trials/S/abc") is None


def test_a_results_folder_that_may_not_be_written_is_storage(tmp_path: Path) -> None:
    trial = tmp_path / "results/trials/S/abc"
    assert storage.trouble(PermissionError(errno.EACCES, "Permission denied", str(trial / "spec.json")), trial)


def test_an_unknown_error_on_a_full_disk_is_the_disk_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert storage.trouble(RuntimeError("short read"), tmp_path) is None
    monkeypatch.setattr(storage, "LEAST", float("inf"))
    assert "the disk is full" in str(storage.trouble(RuntimeError("short read"), tmp_path))
    assert storage.trouble(TrialError("the data do not fit the spec"), tmp_path) is None


def test_attempts_that_storage_ended_are_no_failures_and_no_legs(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path / "attempts.jsonl")
    attempts.begin(1, 0)
    attempts.end(1, "error", 3, 1.0, "RuntimeError: no")
    for _ in range(4):
        attempts.begin(2, 0)
        attempts.stopped_by_storage(2, 3, 1.0, "the disk is full")
        assert attempts.storage == "the disk is full"
    assert attempts.failures == 1 and attempts.legs == 0
    attempts.begin(2, 0)
    assert attempts.storage is None


@given(st.lists(st.sampled_from(["error", "ok", "killed", "requeued"]), max_size=6), st.integers(0, 200))
def test_where_not_even_that_can_be_noted_the_beginning_is_taken_back(
    tmp_path_factory: pytest.TempPathFactory, before: list[str], torn: int
) -> None:
    attempts = Attempts(tmp_path_factory.mktemp("trial") / "attempts.jsonl")
    for number, end in enumerate(before):
        attempts.requeued() if end == "requeued" else attempts.begin(number, 0)
        if end in ("error", "ok"):
            attempts.end(number, end, 1, 1.0, "x")  # type: ignore[arg-type]
    counted, lines = attempts.failures, attempts.lines()
    attempts.begin(9, 0)

    def end(*_: object) -> None:
        with open(attempts.path, "a") as stream:
            stream.write("{" * torn)  # as far as the disk took it
        raise OSError(errno.ENOSPC, "full")

    attempts.end = end  # type: ignore[method-assign,assignment]
    attempts.stopped_by_storage(9, 0, 0.0, "full")
    assert attempts.lines() == lines and attempts.failures == counted
