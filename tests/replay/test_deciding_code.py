"""What was played counts while the code that decided it is what it was: no file of it may be left out."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import admire
from admire.replay.deciding_code import _own_code, content_digest, deciding_files, imported_files

CODE = Path(admire.__file__).parent
# Loaded to find old module names, to name a table's methods and to read it; what they give to a run is in its key, or in its files.
BESIDE = {"earlier_names.py", "optimize/registry.py", "output/spreadsheet.py", "replay/cells.py", "replay/long_form.py"}

PLAY = """
import sys
from pathlib import Path
from admire.optimize.registry import build
from admire.replay.instance import ReplayConfig, make_instance
from admire.replay.long_form import long_form
from admire.replay.simulate import simulate
path, method, truth = Path(sys.argv[1]), sys.argv[2], sys.argv[3] or None
instance = make_instance(long_form(path, "L"), ReplayConfig("mean", truth=truth), 0)
simulate(build(method), instance, 0, 30.0, 0.0)
print(*(module.__file__ for name, module in sorted(sys.modules.items()) if name.startswith("admire.")))
"""


def names(files):
    return {str(Path(file).relative_to(CODE)) for file in files}


@pytest.mark.parametrize(
    ("method", "truth"),
    [("admire", ""), ("random", "gp")],
)
def test_every_file_that_a_run_loads_decides(written, method, truth):
    command = [sys.executable, "-c", PLAY, str(written()), method, truth]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    code = {name for name in names(loaded) if not name.endswith("__init__.py")}
    assert code - BESIDE <= names(deciding_files(method, truth or None))


def test_files_of_other_methods_do_not_decide():
    assert "optimize/admire.py" not in names(deciding_files("mfms-gp"))
    assert not {name for name in names(deciding_files("random")) if "surrogates" in name}
    assert "optimize/surrogates/gaussian_process.py" in names(deciding_files("random", "gp"))
    assert "optimize/transfer.py" in names(deciding_files("transfer:random@S"))


def test_imports_are_followed_wherever_they_stand():
    """`instance` imports `synthetic` within a function, and that the processes."""
    assert "optimize/surrogates/batched_processes.py" in names(imported_files(["admire.replay.instance"]))


MODULE = '''"""What it is for."""

from admire.optimize.problem import Problem
from admire.space import money


class Method:
    """A method."""

    def propose(self):
        """What next?"""
        from admire.space.counts import exact_counts

        return exact_counts, money.buys(3, 2)  # enough
'''


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package's code in which a test may move and edit files."""
    shutil.copytree(CODE, tmp_path / "admire", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(admire, "__file__", str(tmp_path / "admire/__init__.py"))
    (tmp_path / "admire/optimize/made.py").write_text(MODULE)
    return tmp_path / "admire"


def key(package, name="optimize/made.py"):
    _own_code.cache_clear()
    return content_digest(imported_files([f"admire.{name.removesuffix('.py').replace('/', '.')}"]))


def edited(package, path, *changes):
    text = (package / path).read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (package / path).write_text(text)


def test_what_says_the_same_in_another_place_is_the_same_code(package):
    before = key(package)
    edited(
        package,
        "optimize/made.py",
        ("What it is for", "What else"),
        ("  # enough", ""),
        ('"""A method."""', "# a method"),
    )
    edited(package, "optimize/made.py", ('"""What next?"""', ""), ("3, 2", "3,\n            2"))
    assert key(package) == before
    (package / "space/counts.py").rename(package / "space/whole_numbers.py")
    for path in package.rglob("*.py"):
        path.write_text(path.read_text().replace("admire.space.counts", "admire.space.whole_numbers"))
    (package / "optimize/made.py").rename(package / "space/made.py")
    assert key(package, "space/made.py") == before


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("optimize/made.py", "3, 2", "2, 3"),
        ("optimize/made.py", "money.buys", "money.left"),
        ("optimize/made.py", "import exact_counts", "import row_limits as exact_counts"),
        ("optimize/made.py", "admire.space.counts", "admire.space.simplex"),
        ("space/counts.py", "def exact_counts", "CHANGED = 1\n\n\ndef exact_counts"),
        ("space/money.py", "ROUNDING = 1e-9", "ROUNDING = 1e-6"),
        ("space/simplex.py", "TOLERANCE = 1e-9", "TOLERANCE = 1e-6"),
    ],
)
def test_code_that_does_something_else_is_other_code(package, path, old, new):
    before = key(package)
    edited(package, path, (old, new))
    assert key(package) != before
