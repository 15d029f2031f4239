"""What was played counts while the code that decided it is what it was: no file of it may be left out."""

import subprocess
import sys
from pathlib import Path

import pytest

import admire
from admire.replay.deciding_code import deciding_files, imported_files

CODE = Path(admire.__file__).parent
# Loaded to name a table's methods and to read it; what they give to a run is in its key, or in its files.
BESIDE = {"optimize/methods.py", "output/spreadsheet.py", "replay/cells.py", "replay/long_form.py"}

PLAY = """
import sys
from pathlib import Path
from admire.optimize.methods import build
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
    assert "optimize/surrogates/processes.py" in names(imported_files(["admire.replay.instance"]))
