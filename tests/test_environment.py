"""`make env` takes the Python that it is told, or the first on the path that is new enough."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# stands for a Python: says its version, and makes a folder whose own installs nothing
PYTHON = """#!/bin/sh
case "$1" in
  -c) exit {old} ;;
  --version) echo "Python of {name}" ;;
  -m) mkdir -p .venv/bin; printf '#!/bin/sh\\n' > .venv/bin/python; chmod 755 .venv/bin/python ;;
esac
"""


@pytest.fixture
def make_env(tmp_path):
    """What it says, with these Pythons in a folder that is first on the path; one whose name has `old` in it is too old."""
    shutil.copytree(ROOT / "envs", tmp_path / "envs")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)

    def make(*names, told=None, expect=0):
        (tmp_path / "bin").mkdir()
        for name, version in names:
            (tmp_path / "bin" / name).write_text(PYTHON.format(name=version, old=int("old" in version)))
            (tmp_path / "bin" / name).chmod(0o755)
        environment = {key: value for key, value in os.environ.items() if key != "PYTHON"}
        environment["PATH"] = f"{tmp_path}/bin:{environment['PATH']}"
        if told:
            environment["PYTHON"] = str(tmp_path / "bin" / told)
        command = ["bash", str(tmp_path / "envs/make_env.sh")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == expect, done.stderr
        return done.stdout + done.stderr

    return make


def test_the_first_on_the_path_is_taken(make_env):
    assert "Python of mine" in make_env(("python3", "mine"), ("python3.12", "another"))


def test_one_that_is_too_old_is_passed_over(make_env):
    assert "Python of newer" in make_env(("python3", "old"), ("python3.13", "newer"))


def test_the_one_that_is_told_is_taken(make_env):
    assert "Python of chosen" in make_env(("python3", "mine"), ("of-debian", "chosen"), told="of-debian")


@pytest.mark.parametrize("names", [(("python3", "mine"), ("of-debian", "old")), (("python3", "mine"),)])
def test_another_than_the_one_that_is_told_is_never_taken(make_env, names):
    said = make_env(*names, told="of-debian", expect=1)
    assert "of-debian: Python 3.11 or newer is needed" in said
