"""The numbers of the workflow's Slurm jobs, which are noted at submission because a site may rewrite names and comments."""

from __future__ import annotations

from pathlib import Path

NOTES = Path(".snakemake/slurm_jobs")  # The folder has one file per controller, with one job number per line.


def note(folder: Path, run: str, number: str) -> None:
    """Note that a controller has submitted a job from `folder`.

    Args:
        run: the name that the controller gives to all its jobs.
        number: the job's number.
    """
    path = folder / NOTES / run
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as stream:
        stream.write(f"{number}\n")


def numbers(folder: Path, run: str) -> list[str]:
    """The numbers of the jobs that a controller has submitted, in order."""
    try:
        return list(dict.fromkeys((folder / NOTES / run).read_text(encoding="utf-8").split()))
    except FileNotFoundError:
        return []


def runs(folder: Path) -> dict[str, str]:
    """Job number -> name of the controller that used it last, because Slurm may reuse numbers after it has lost its state."""
    found = [path for path in (folder / NOTES).glob("*") if path.suffix == ""]
    found.sort(key=lambda path: path.stat().st_mtime)
    return {number: path.name for path in found for number in numbers(folder, path.name)}
