"""Only whole checkpoints count, and what is not whole makes room."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from admire.train.checkpoints import ENDS, MARK, mark, newest


def write(root: Path, step: int) -> Path:
    folder = root / f"checkpoint-{step}"
    (folder / "nested").mkdir(parents=True)
    (folder / "weights").write_bytes(b"w" * 100)
    (folder / "nested" / "optimizer").write_bytes(b"o" * 100)
    return folder


def test_the_newest_whole_one_is_found(tmp_path: Path) -> None:
    for step in (9, 10):
        mark(write(tmp_path, step), step, seconds=step / 2)
    found = newest(tmp_path)
    assert (found.folder.name, found.step, found.seconds) == ("checkpoint-10", 10, 5.0)


def test_half_written_ones_are_passed_over_and_removed(tmp_path: Path) -> None:
    mark(write(tmp_path, 10), 10, 1.0)
    write(tmp_path, 20)  # killed before the mark
    mark(write(tmp_path, 30), 30, 1.0)
    (tmp_path / "checkpoint-30" / "weights").write_bytes(b"w" * 50)  # torn
    mark(write(tmp_path, 40), 40, 1.0)
    (tmp_path / "checkpoint-40" / "nested" / "optimizer").unlink()
    assert newest(tmp_path).step == 10
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-10"]


def test_without_checkpoints_there_is_none(tmp_path: Path) -> None:
    assert newest(tmp_path / "absent") is None


def same_length(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


def link(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    elsewhere = path.parents[2] / "elsewhere"
    elsewhere.write_bytes(content)
    path.symlink_to(elsewhere)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: same_length(folder / "weights"),
        lambda folder: same_length(folder / "nested" / "optimizer"),
        lambda folder: (folder / "pytorch_model.bin").write_bytes(b"planted"),
        lambda folder: (folder / "nested" / ".metadata").symlink_to("/etc/hostname"),
        lambda folder: link(folder / "weights"),
    ],
)
def test_a_changed_checkpoint_is_broken_and_the_one_before_counts(
    change: Callable[[Path], None], tmp_path: Path
) -> None:
    root = tmp_path / "ckpt"
    mark(write(root, 10), 10, 1.0)
    mark(write(root, 20), 20, 1.0)
    assert newest(root).step == 20
    change(root / "checkpoint-20")
    assert newest(root).step == 10


def test_of_large_files_of_data_the_ends_are_compared(tmp_path: Path) -> None:
    for step, place, seen in ((10, ENDS + 5, False), (20, 5, True), (30, -5, True)):
        folder = write(tmp_path, step)
        for name in ("optimizer.pt", "part.distcp"):
            (folder / name).write_bytes(bytes(2 * ENDS + 100))
        mark(folder, step, 1.0)
        with open(folder / "optimizer.pt", "r+b") as stream:
            stream.seek(place, os.SEEK_SET if place > 0 else os.SEEK_END)
            stream.write(b"x")
        assert (newest(tmp_path) is None) is seen
        shutil.rmtree(folder, ignore_errors=True)
    folder = write(tmp_path, 40)
    (folder / "part.distcp").write_bytes(bytes(2 * ENDS + 100))
    mark(folder, 40, 1.0)
    with open(folder / "part.distcp", "r+b") as stream:
        stream.seek(ENDS + 5)
        stream.write(b"x")
    assert newest(tmp_path) is None  # pickles may lie anywhere in it


@pytest.mark.parametrize(("name", "counts"), [("optimizer.pt", True), (".metadata", False), ("__0_0.distcp", False)])
def test_marks_of_earlier_versions_count_where_nothing_can_run(name: str, counts: bool, tmp_path: Path) -> None:
    folder = write(tmp_path, 10)
    (folder / name).write_bytes(b"x")
    mark(folder, 10, 1.0)
    told = json.loads((folder / MARK).read_text())
    del told["contents"]
    (folder / MARK).write_text(json.dumps(told))
    assert (newest(tmp_path) is not None) is counts


def told(folder: Path, **changes: object) -> None:
    """Change an entry of a checkpoint's mark; `...` removes it."""
    content = {**json.loads((folder / MARK).read_text()), **changes}
    (folder / MARK).write_text(json.dumps({key: value for key, value in content.items() if value is not ...}))


@pytest.mark.parametrize(
    "content",
    ["", "[]", "null", "7", '"x"', "[" * 100_000, '{"step": 20}', '{"files": [], "step": 20, "seconds": 1}', "\udcff"],
)
def test_a_mark_that_is_none_makes_a_checkpoint_broken(content: str, tmp_path: Path) -> None:
    for step in (10, 20):
        mark(write(tmp_path, step), step, 1.0)
    (tmp_path / "checkpoint-20" / MARK).write_text(content, encoding="utf-8", errors="surrogateescape")
    assert newest(tmp_path).step == 10


@pytest.mark.parametrize(
    "changes",
    [
        {"step": "20"},
        {"step": None},
        {"step": -1},
        {"step": True},
        {"step": 1e9},
        {"seconds": "1"},
        {"seconds": -1.0},
        {"seconds": float("inf")},
        {"seconds": ...},
        {"continued_from": "x"},
        {"files": {"../../outside": 1}},
        {"files": {"/etc/hostname": 1}},
        {"files": None},
        {"files": ["weights", "nested/optimizer"]},
        {"files": {"weights": "100", "nested/optimizer": 100}},
        {"contents": None},
        {"contents": {}},
        {"contents": {"weights": "0" * 64, "nested/optimizer": "0" * 64}},
    ],
)
def test_a_mark_that_says_what_is_not_so_makes_a_checkpoint_broken(changes: dict[str, object], tmp_path: Path) -> None:
    for step in (10, 20):
        mark(write(tmp_path, step), step, 1.0)
    told(tmp_path / "checkpoint-20", **changes)
    assert newest(tmp_path).step == 10


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "nested" / MARK).write_text("planted under the mark's own name"),
        lambda folder: ((folder / "nested" / "empty").unlink(), os.mkfifo(folder / "nested" / "empty")),
        lambda folder: ((folder / MARK).unlink(), os.mkfifo(folder / MARK)),
        lambda folder: ((folder / MARK).unlink(), (folder / MARK).symlink_to("/dev/zero")),
        lambda folder: link(folder / MARK),
        lambda folder: (folder / "weights").rename(folder / "other"),
    ],
)
def test_what_stands_in_a_files_place_makes_a_checkpoint_broken(change: Callable[[Path], None], tmp_path: Path) -> None:
    root = tmp_path / "ckpt"
    for step in (10, 20):
        (folder := write(root, step), (folder / "nested" / "empty").touch(), mark(folder, step, 1.0))
    change(root / "checkpoint-20")
    assert newest(root).step == 10


@pytest.mark.parametrize("linked", ["checkpoint", "root", "outcome"])
def test_nothing_is_removed_behind_a_link(linked: str, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs" / "ckpt" / "checkpoint-500"
    theirs.mkdir(parents=True)
    (theirs / "weights").write_bytes(b"of somebody else")
    root = tmp_path / "trial" / "share_0.5" / "ckpt"
    if linked == "outcome":
        root.parents[1].mkdir()
        root.parent.symlink_to(tmp_path / "theirs")
    elif linked == "root":
        root.parent.mkdir(parents=True)
        root.symlink_to(theirs.parent)
    else:
        mark(write(root, 10), 10, 1.0)
        (root / "checkpoint-500").symlink_to(theirs)
    found = newest(root)
    assert (found.step if found else None) == (10 if linked == "checkpoint" else None)
    assert (theirs / "weights").read_bytes() == b"of somebody else"
    assert linked != "checkpoint" or [path.name for path in root.iterdir()] == ["checkpoint-10"]
