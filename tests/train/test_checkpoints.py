"""Only whole checkpoints count, and what is not whole makes room."""

from __future__ import annotations

from pathlib import Path

from admire.train.checkpoints import mark, newest


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
