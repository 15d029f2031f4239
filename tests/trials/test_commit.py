"""The commit in a record is that of this code, or there is none; never the commit of a repository around it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ASK = "from admire.trials.records import provenance; print(provenance()['commit'])"


def git(folder, *arguments):
    command = ["git", "-C", str(folder), "-c", "user.email=a@b", "-c", "user.name=n", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def recorded(source, **environment):
    """What a process that takes the package from `source` records."""
    found = os.environ | {"PYTHONPATH": str(source), **environment}
    done = subprocess.run([sys.executable, "-c", ASK], env=found, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def repository(folder, commit=True):
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q")
    if commit:
        git(folder, "commit", "-q", "--allow-empty", "-m", "somebody's")
    return folder


def package(folder):
    """A copy of the package, as a wheel leaves it."""
    shutil.copytree(ROOT / "src/admire", folder / "admire", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def tree(folder):
    """A copy of the project's tree, as a tarball leaves it."""
    for name in ("pyproject.toml", ".gitignore"):
        shutil.copyfile(ROOT / name, folder / name)
    package(folder / "src")
    return folder


@pytest.fixture
def own(tmp_path):
    """A repository of the project's own."""
    folder = repository(tmp_path / "own", commit=False)
    tree(folder)
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "ours")
    return folder


def test_installed_within_somebodys_repository(tmp_path):
    theirs = repository(tmp_path / "theirs")
    assert recorded(package(theirs / ".venv/lib/python3.11/site-packages")) == "None"


def test_unpacked_at_the_top_of_somebodys_repository(tmp_path):
    theirs = repository(tmp_path / "theirs")
    assert recorded(tree(theirs) / "src") == "None"


def test_copied_into_somebodys_sources(tmp_path):
    theirs = repository(tmp_path / "theirs", commit=False)
    (theirs / "pyproject.toml").write_text("[project]\nname = 'theirs'\n")
    package(theirs / "src")
    git(theirs, "add", ".")
    git(theirs, "commit", "-q", "-m", "all of it")
    assert recorded(theirs / "src") == "None"


def test_without_git(own):
    assert recorded(own / "src", PATH="/nowhere") == "None"


def test_own_repository_marks_changes_of_the_package(own):
    head = git(own, "rev-parse", "HEAD")
    assert recorded(own / "src") == head
    (own / "notes.txt").write_text("beside the package")
    assert recorded(own / "src") == head
    (own / "src/admire/errors.py").write_text((own / "src/admire/errors.py").read_text() + "\n")
    assert recorded(own / "src") == f"{head}+dirty"


def test_own_repository_behind_a_link(own, tmp_path):
    (tmp_path / "link").symlink_to(own)
    assert recorded(tmp_path / "link/src") == git(own, "rev-parse", "HEAD")


def test_worktree(own, tmp_path):
    git(own, "worktree", "add", "-q", "-b", "other", str(tmp_path / "worktree"))
    git(tmp_path / "worktree", "commit", "-q", "--allow-empty", "-m", "in the worktree")
    head = git(tmp_path / "worktree", "rev-parse", "HEAD")
    assert recorded(tmp_path / "worktree/src") == head != git(own, "rev-parse", "HEAD")


def test_submodule(own, tmp_path):
    theirs = repository(tmp_path / "theirs")
    git(theirs, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(own), "tools/admire")
    git(theirs, "commit", "-q", "-m", "with the submodule")
    assert recorded(theirs / "tools/admire/src") == git(own, "rev-parse", "HEAD")


def test_git_pointed_elsewhere_by_the_environment(own, tmp_path):
    theirs = repository(tmp_path / "theirs")
    elsewhere = {"GIT_DIR": str(theirs / ".git"), "GIT_WORK_TREE": str(own)}
    assert recorded(own / "src", **elsewhere) == git(own, "rev-parse", "HEAD")
    assert recorded(package(tmp_path / "site-packages"), **elsewhere) == "None"
