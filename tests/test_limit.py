"""A test that hangs fails, in a run of one process as in one of several, and says where each of its threads stands."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HANGING = """
import ctypes, threading, time
import pytest

def stand_still():
    time.sleep(3600)

def wait_for(thread):
    thread.join()

def hang():
    thread = threading.Thread(target=stand_still)
    thread.start()
    wait_for(thread)

def hold_the_lock_of_python():
    ctypes.PyDLL(None).pause()

@pytest.fixture
def fixture():
    hang()

@pytest.fixture
def teardown():
    yield
    hang()

{test}

def test_passes():
    pass
"""
BODY = "def test_hangs():\n    hang()"
KINDS = {
    "test": BODY,
    "fixture": "def test_hangs(fixture):\n    pass",
    "teardown": "def test_hangs(teardown):\n    pass",
}


def run(folder, test, *arguments, limit=1):
    (folder / "pyproject.toml").symlink_to(ROOT / "pyproject.toml")
    shutil.copy(ROOT / "tests/conftest.py", folder)
    (folder / "test_hanging.py").write_text(HANGING.format(test=test), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-o", f"timeout={limit}", *arguments]
    done = subprocess.run([*command, "test_hanging.py"], cwd=folder, capture_output=True, text=True)
    assert done.returncode != 0
    return done.stdout + done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_what_hangs_fails_with_all_stacks(tmp_path, kind):
    said = run(tmp_path, KINDS[kind])
    assert "in stand_still" in said and "in wait_for" in said


def test_beside_others_it_is_named_and_they_go_on(tmp_path):
    said = run(tmp_path, BODY, "--numprocesses", "2", "--dist", "worksteal")
    assert "in stand_still" in said and "in wait_for" in said
    assert "1 failed, 1 passed" in said and "test_hanging.py::test_hangs" in said


def test_it_fails_even_where_no_other_thread_of_python_can_run(tmp_path):
    assert "in test_hangs" in run(tmp_path, "def test_hangs():\n    hold_the_lock_of_python()")


@pytest.mark.parametrize(("marker", "seconds"), [("@pytest.mark.loop", 3), ("@pytest.mark.timeout(2)", 2)])
def test_loops_have_more_time_and_a_test_may_ask_for_its_own(tmp_path, marker, seconds):
    assert f"Timeout (0:00:0{seconds})!" in run(tmp_path, f"{marker}\n{BODY}")
