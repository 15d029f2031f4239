"""Which Slurm jobs are the workflow's, by number: noted when they are submitted, for a site may rewrite names and comments."""

from __future__ import annotations

from pathlib import Path

NOTES = Path(".snakemake/slurm_jobs")  # beside the folder's other state; a file per controller, a number per line


def note(folder: Path, run: str, number: str) -> None:
    """A controller has submitted a job from `folder`.

    Args:
        run: the controller's name of its jobs, the same for all of them.
    """
    path = folder / NOTES / run
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as stream:
        stream.write(f"{number}\n")


def numbers(folder: Path, run: str) -> list[str]:
    """What a controller has submitted, in order."""
    try:
        return list(dict.fromkeys((folder / NOTES / run).read_text(encoding="utf-8").split()))
    except FileNotFoundError:
        return []


def runs(folder: Path) -> dict[str, str]:
    """number -> the controller that submitted it last; Slurm may give a number again after it has lost its state."""
    found = [path for path in (folder / NOTES).glob("*") if path.suffix == ""]
    found.sort(key=lambda path: path.stat().st_mtime)
    return {number: path.name for path in found for number in numbers(folder, path.name)}
