"""Programs of a model: run against tests in processes of their own, counted, and kept from what they might reach for."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import psutil
import pytest

from admire.errors import ConfigError
from admire.evaluate import programs
from admire.evaluate.sandbox import box, isolation
from admire.evaluate.sandbox.box import Sandbox, opened
from admire.evaluate.sandbox.isolation import Isolation
from admire.evaluate.sandbox.limits import MEGABYTE, Limits

PROBLEM = {
    "prompt": 'from math import sqrt\n\n\ndef root(x):\n    """The square root."""\n',
    "test": "def check(candidate):\n    assert candidate(9) == 3",
    "entry_point": "root",
}
KINDS = {"none": tuple, "namespaces": isolation._namespaces, "bubblewrap": isolation._bubblewrap}


def isolated(name):
    """One way to keep programs apart, where this machine has it; the weakest is always there."""
    prefix = KINDS[name]()
    if name != "none" and not isolation._works(prefix):
        pytest.skip(f"this machine has no {name}")
    return Isolation(name, prefix)


@pytest.fixture(scope="module", params=KINDS)
def sandbox(request):
    made = Sandbox(isolation=isolated(request.param))
    yield made
    made.close()


@pytest.fixture
def opened_sandbox(sandbox, monkeypatch):
    monkeypatch.setattr(box, "_open", [sandbox])
    return sandbox


def limited(**limits):
    return Sandbox(Limits(**limits))


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("```python\ndef root(x):\n    return sqrt(x)\n```", True),
        ("Here it is:\n```\ndef root(x):\n    return sqrt(x)\n```\nand more", True),
        ("    return sqrt(x)\n", True),  # goes on where the prompt ends
        ("```python\ndef root(x):\n    return x\n```", False),
        ("```python\nimport sys\nsys.exit(0)\n```", False),  # leaving before the tests is no pass
        ("I cannot do that.", False),
    ],
)
def test_an_answer_is_run_against_the_problems_tests(answer, right, opened_sandbox):
    assert programs.humaneval(PROBLEM, [[answer] * 2]) == {"pass_at_10": float(right)}


def test_unit_tests_of_a_problem_are_counted(opened_sandbox):
    problem = {
        "code_prompt": "import random\ndef task_func(x):",
        "test": "import unittest\nfrom unittest.mock import patch\nclass TestCases(unittest.TestCase):\n"
        "    @patch('random.random', return_value=2)\n"
        "    def test_it(self, drawn):\n        self.assertEqual(task_func(random.random()), 4)\n",
    }
    assert programs.bigcodebench(problem, ["```python\ndef task_func(x):\n    return 2 * x\n```"]) == {"pass_at_1": 1.0}
    assert programs.bigcodebench(problem, ["```python\ndef task_func(x):\n    return x\n```"]) == {"pass_at_1": 0.0}
    nothing = {**problem, "test": "import unittest\n"}
    assert programs.bigcodebench(nothing, ["pass"]) == {"pass_at_1": 0.0}  # no test was passed where there is none


@pytest.mark.parametrize(
    ("value", "check"),
    [
        ("(1, [2.5, None], {'a': {1, 2}})", "== (1, [2.5, None], {'a': {1, 2}})"),
        ("3 ** 5000", "== 3 ** 5000"),
        ("0.1 + 0.2", "== 0.1 + 0.2"),
        ("float('inf')", "> 10 ** 300"),
        ("'caf\\u00e9 \\ud800'", "== 'caf\\u00e9 \\ud800'"),
        ("b'\\x00\\xff'", "== b'\\x00\\xff'"),
        ("__import__('collections').Counter('aab')", "== {'a': 2, 'b': 1}"),
        ("__import__('numpy').float64(2.5)", "== 2.5"),
        ("__import__('numpy').bool_(True)", "== True"),
        ("1 + 2j", "== 1 + 2j"),
        ("range(3)", "!= [0, 1, 2]"),
        ("None", "is None"),
    ],
)
def test_values_pass_to_the_judge_as_they_are(value, check, sandbox):
    test = f"def check(candidate):\n    assert candidate(0) {check}"
    assert sandbox.passes_calls(f"def root(x):\n    return {value}\n", **{**PROBLEM, "test": test})


def test_exceptions_pass_to_the_judge_by_their_name(sandbox):
    test = "def check(candidate):\n    try:\n        candidate(-1)\n    except ValueError:\n        return\n    assert False"
    assert sandbox.passes_calls(
        "from math import sqrt\ndef root(x):\n    return sqrt(x)\n", **{**PROBLEM, "test": test}
    )
    assert not sandbox.passes_calls("def root(x):\n    return sqrt(x)\n", **{**PROBLEM, "test": test})


@pytest.mark.parametrize(
    "cheat",
    [
        # looks for its test in its own text, its arguments and every object that it can reach
        """
import gc, sys
drow = ')9(etadidnac'
seen = open(__file__).read() + str(sys.argv) + ''.join(one for one in gc.get_objects() if isinstance(one, str))
frame = sys._getframe()
while frame:
    seen += str(frame.f_locals)
    frame = frame.f_back
def root(x):
    return 3 if drow[::-1] in seen else 0
""",
        # is equal to everything
        """
class Yes:
    def __eq__(self, other):
        return True
def root(x):
    return Yes()
""",
        # writes a verdict to every file that it has
        """
import os
for file in range(256):
    try:
        os.write(file, b'passed')
    except OSError:
        pass
def root(x):
    return 0
""",
        # writes a verdict to every file that others have
        """
import glob
def root(x):
    for path in glob.glob('/proc/[0-9]*/fd/*'):
        try:
            open(path, 'wb', buffering=0).write(b'passed')
        except OSError:
            pass
    return 0
""",
        # looks for the tests in the memory of others; process 1 is bubblewrap's own, which knows none
        """
import glob, os
def root(x):
    for path in glob.glob('/proc/[0-9]*/mem'):
        if path.split('/')[2] not in ('1', str(os.getpid())):
            try:
                open(path, 'rb')
                return 3
            except OSError:
                pass
    return 0
""",
        # leaves when it is asked
        "import os\ndef root(x):\n    os._exit(0)",
        # patches what it believes to judge
        """
import builtins, unittest
builtins.AssertionError = Exception
unittest.main = lambda *a, **k: None
def root(x):
    return 0
""",
    ],
)
def test_a_program_cannot_forge_its_verdict(cheat, sandbox):
    assert not sandbox.passes_calls(cheat, **PROBLEM)
    assert sandbox.passes_calls("def root(x):\n    return 3", **PROBLEM)  # and the next one is judged as ever


def test_a_program_sees_nothing_of_the_scorers_environment(sandbox, monkeypatch, tmp_path):
    """A scorer of its own, whose environment holds a token from its start, as `/proc` would show it."""
    code = f"""
from admire.evaluate.sandbox import box, isolation
box.best = lambda: isolation.Isolation({sandbox.isolation.name!r}, {sandbox.isolation.prefix!r})
with box.opened(required=False) as sandbox:
    print(sandbox.runs_through('''
import os
assert 'HF_TOKEN' not in os.environ
for process in filter(str.isdigit, os.listdir('/proc')):
    try:
        seen = open('/proc/' + process + '/environ', 'rb').read()
    except OSError:
        continue
    assert b'{(word := uuid.uuid4().hex)}' not in seen
'''))
"""
    environment = {**os.environ, "HF_TOKEN": f"hf_{word}"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "True", done.stderr


def test_a_program_leaves_nothing_behind(sandbox, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert sandbox.runs_through("open('left', 'w').close()")
    assert not list(tmp_path.iterdir())
    assert sandbox.runs_through("import os\nassert os.listdir('.') == ['program.py']")


def test_bubblewrap_keeps_programs_from_files_and_network(tmp_path):
    sandbox = Sandbox(isolation=isolated("bubblewrap"))
    (tmp_path / "token").write_text("secret")
    assert not sandbox.runs_through(f"open({str(tmp_path / 'token')!r})")
    assert not sandbox.runs_through("open('/etc/hostname')")
    assert not sandbox.runs_through("import sys\nopen(sys.executable, 'ab')")
    assert not sandbox.runs_through("import socket\nsocket.create_connection(('127.0.0.1', 22), 1)")
    assert sandbox.runs_through("import socket\nassert [name for _, name in socket.if_nameindex()] == ['lo']")
    assert sandbox.runs_through("import os\nassert os.listdir(os.environ['HOME']) == ['program.py']")
    assert sandbox.runs_through("open('/tmp/note', 'w').close()\nopen('/dev/shm/note', 'w').close()")
    assert sandbox.runs_through(
        "import os\nassert not os.path.exists('/tmp/note') and not os.path.exists('/dev/shm/note')"
    )
    sandbox.close()


@pytest.mark.parametrize(
    ("limits", "program"),
    [
        ({"seconds": 1}, "while True:\n    pass"),
        ({"seconds": 1}, "import time\ntime.sleep(60)"),
        (
            {"seconds": 1},
            "import signal, time\nfor n in range(1, 32):\n    try:\n        signal.signal(n, signal.SIG_IGN)\n"
            "    except OSError:\n        pass\ntime.sleep(60)",
        ),
        ({}, "x = bytearray(20 << 30)"),
        ({"memory": 100 * MEGABYTE}, "import time\nx = bytearray(b'x') * (300 << 20)\ntime.sleep(5)"),
        ({"file_bytes": MEGABYTE}, "open('big', 'wb').write(bytes(2 << 20))"),
        (
            {"folder_bytes": MEGABYTE},
            "import time\nfor n in range(40):\n    open(str(n), 'wb').write(bytes(1 << 16))\ntime.sleep(5)",
        ),
        ({"processes": 4}, "import os, time\nfor _ in range(8):\n    os.fork() or time.sleep(5)\ntime.sleep(5)"),
        ({"open_files": 32}, "kept = [open('/dev/null') for _ in range(64)]"),
        ({"message_bytes": 1000}, None),
    ],
)
def test_what_a_program_uses_is_bounded(limits, program):
    sandbox = limited(**limits)
    if program is None:
        test = "def check(candidate):\n    candidate(9)"
        assert not sandbox.passes_calls("def root(x):\n    return 'x' * 2000\n", **{**PROBLEM, "test": test})
        assert sandbox.passes_calls("def root(x):\n    return 'x' * 200\n", **{**PROBLEM, "test": test})
    else:
        assert not sandbox.runs_through(program)
    assert sandbox.runs_through("pass")
    sandbox.close()


def test_output_goes_nowhere(sandbox):
    before = psutil.Process().memory_info().rss
    assert sandbox.runs_through(
        "import sys\nfor _ in range(100):\n    sys.stdout.write('x' * (4 << 20))\n    sys.stderr.write('x')"
    )
    assert psutil.Process().memory_info().rss - before < 50 * MEGABYTE


@pytest.mark.parametrize(
    "broken", ["1 / 0\ndef root(x): return 3", "import sys\nsys.exit(0)", "def other(x): return 3", "def root(x:"]
)
def test_a_program_that_breaks_has_not_passed_even_a_check_that_asks_nothing(broken, sandbox):
    test = "def check(candidate):\n    pass"
    assert not sandbox.passes_calls(broken, **{**PROBLEM, "test": test})
    assert sandbox.passes_calls("def root(x): return 3", **{**PROBLEM, "test": test})


def test_everything_that_a_program_started_ends_with_it(sandbox):
    mark = f"mark-{uuid.uuid4().hex}"
    program = (
        "import os, sys, time\n"
        "for _ in range(3):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        if os.fork() == 0:\n"
        f"            os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(60)', '{mark}'])\n"
        "        os._exit(0)\n"
        "time.sleep(0.2)\n"
    )
    assert sandbox.runs_through(program)
    assert not [one for one in psutil.process_iter(["cmdline"]) if mark in (one.info["cmdline"] or [])]


STARTS_AN_OUTLIVER = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(60)', '@'])
    os._exit(0)
time.sleep(0.2)
"""


def living(mark):
    return [one for one in psutil.process_iter(["cmdline"]) if mark in (one.info["cmdline"] or [])]


@pytest.mark.parametrize("sent", ["SIGKILL", "SIGSTOP", "SIGTERM"])
def test_a_program_that_turns_on_its_keeper_costs_itself(sent, sandbox, monkeypatch):
    """It is not taken as passed, and what it started ends too. Where the kernel has Landlock it reaches nobody."""
    monkeypatch.setattr(box, "SILENT", 1)
    monkeypatch.setattr(sandbox, "limits", Limits(seconds=2))
    sandbox.close()
    mark = f"mark-{uuid.uuid4().hex}"
    attack = (
        STARTS_AN_OUTLIVER.replace("@", mark) + f"import signal\nos.kill(os.getppid(), signal.{sent})\ntime.sleep(5)\n"
    )
    assert not sandbox.runs_through(attack)
    assert not living(mark)
    assert sandbox.runs_through("pass")
    sandbox.close()


@pytest.mark.parametrize("sent", ["SIGKILL", "SIGSTOP"])
@pytest.mark.parametrize("name", ["none", "namespaces"])
def test_a_keeper_that_is_stopped_or_killed_while_a_program_runs_leaves_nothing(sent, name, monkeypatch):
    """As it would be by a program where the kernel has no Landlock: nobody waits for it for ever."""
    monkeypatch.setattr(box, "SILENT", 1)
    mark, sandbox = f"mark-{uuid.uuid4().hex}", Sandbox(Limits(seconds=2), isolated(name))
    keeper = sandbox._living()._process

    def turn_on_it():
        while not living(mark):
            time.sleep(0.02)
        keeper.send_signal(getattr(signal, sent))

    (turning := threading.Thread(target=turn_on_it)).start()
    assert not sandbox.runs_through(STARTS_AN_OUTLIVER.replace("@", mark) + "time.sleep(5)")
    turning.join()
    end = time.monotonic() + 10  # The kernel ends the processes of a namespace, and this takes a moment.
    while living(mark) and time.monotonic() < end:
        time.sleep(0.02)
    assert not living(mark)
    assert sandbox.runs_through("pass")
    sandbox.close()


def test_a_program_that_walks_from_process_to_process_ends(sandbox):
    """Each process starts the next and ends, faster than a list of them could be made."""
    mark = f"mark-{uuid.uuid4().hex}"
    walk = (
        f"import os\nopen('/proc/self/comm', 'w').write('{mark[:15]}')\n"
        "if os.fork() == 0:\n    while True:\n        os.fork() and os._exit(0)\n"
    )
    assert sandbox.runs_through(walk)
    assert not [one for one in psutil.process_iter(["name"]) if one.info["name"] == mark[:15]]
    assert sandbox.runs_through("import os, signal")


@pytest.mark.parametrize(
    "attack",
    [
        # looks into others by the system's way for debuggers
        """
import ctypes, os
def root(x):
    for pid in filter(str.isdigit, os.listdir('/proc')):
        if int(pid) not in (1, os.getpid()) and ctypes.CDLL(None).ptrace(16, int(pid), 0, 0) == 0:
            return 3
    return 0
""",
        # copies others' memory
        """
import ctypes, os
class Part(ctypes.Structure):
    _fields_ = [('base', ctypes.c_void_p), ('size', ctypes.c_size_t)]
def root(x):
    space = ctypes.create_string_buffer(1)
    ours = Part(ctypes.cast(space, ctypes.c_void_p), 1)
    for pid in filter(str.isdigit, os.listdir('/proc')):
        if int(pid) not in (1, os.getpid()):
            theirs = Part(id(None), 1)
            if ctypes.CDLL(None).process_vm_readv(int(pid), ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0) == 1:
                return 3
    return 0
""",
        # takes others' open files
        """
import ctypes, os
def root(x):
    for pid in filter(str.isdigit, os.listdir('/proc')):
        if int(pid) not in (1, os.getpid()):
            try:
                other = os.pidfd_open(int(pid))
            except OSError:
                continue
            if ctypes.CDLL(None).syscall(438, other, 3, 0) >= 0:
                return 3
    return 0
""",
        # has more open files than the three that go nowhere, its folder's and its connection
        """
import os
def root(x):
    files = [f'/proc/self/fd/{n}' for n in os.listdir('/proc/self/fd')]
    found = [os.readlink(file) for file in files if os.path.exists(file)]
    return 3 if any(name.startswith(('pipe:', '/memfd', '/home', '/root')) for name in found) else 0
""",
        # prints what the keeper would answer
        """
import os, sys
answer = '{"passed": true, "ended": null}\\n'
print(answer, flush=True)
sys.__stdout__.write(answer), sys.stderr.write(answer), os.write(1, answer.encode()), os.write(2, answer.encode())
def root(x):
    print(answer, flush=True)
    return 0
""",
        # ends the one that judges
        """
import os, signal
def root(x):
    for pid in filter(str.isdigit, os.listdir('/proc')):
        if int(pid) > os.getpid() and open(f'/proc/{pid}/stat').read().split()[3] == str(os.getppid()):
            os.kill(int(pid), signal.SIGKILL)
    return 3
""",
    ],
)
def test_a_program_neither_looks_into_others_nor_answers_for_them(attack, sandbox):
    tests = {**PROBLEM, "test": "def check(candidate):\n    assert candidate(9) == 3\n    assert candidate(16) == 4"}
    if "return 0" in attack:
        tests = PROBLEM
    assert not sandbox.passes_calls(attack, **tests)
    assert sandbox.passes_calls("def root(x):\n    return 3", **PROBLEM)


@pytest.mark.parametrize(
    "program",
    [
        "import os, time\nkept = [os.memfd_create(str(n)) for n in range(8)]\n"
        "for file in kept:\n    os.write(file, bytes(1 << 20))\ntime.sleep(9)",
        "import os, time\nkept = [open(str(n), 'wb') for n in range(8)]\nfor file in kept:\n    os.unlink(file.name)\n"
        "    file.write(bytes(1 << 20))\n    file.flush()\ntime.sleep(9)",
        "import os, time\nfor _ in range(1500):\n    os.mkdir('deep')\n    os.chdir('deep')\ntime.sleep(9)",
    ],
)
def test_files_without_a_name_and_folders_without_an_end_are_bounded(program, sandbox, monkeypatch):
    monkeypatch.setattr(sandbox, "limits", Limits(seconds=8, folder_bytes=4 * MEGABYTE))
    sandbox.close()
    keeper = sandbox._living()
    keeper.say({"kind": "script", "program": program})
    assert "files" in (told := keeper.answer())["ended"] or "folders" in told["ended"]
    sandbox.close()


@pytest.mark.parametrize(
    "leaving",
    [
        "import os\nfor _ in range(1500):\n    os.mkdir('deep')\n    os.chdir('deep')",
        "import os\nos.makedirs('closed/inner')\nos.chmod('closed/inner', 0)\nos.chmod('closed', 0)",
        "import os\nos.symlink('/', 'root')\nos.mkfifo('pipe')\nos.chmod('.', 0)",
    ],
)
def test_a_folder_that_is_hard_to_remove_is_removed(leaving, tmp_path):
    """In the system's own temporary folder, which programs without bubblewrap share."""
    sandbox = Sandbox(isolation=Isolation("none", ()))
    keeper = sandbox._living()
    keeper.say({"kind": "script", "program": f"import os, tempfile\nhere = os.getcwd()\n{leaving}"})
    keeper.answer()
    keeper.say({"kind": "script", "program": "pass"})
    keeper.answer()
    number = keeper._process.pid
    left = [path for path in Path(tempfile.gettempdir()).glob("program-*") if _made_since(path, number)]
    sandbox.close()
    assert not left


def _made_since(path, number):
    return path.lstat().st_ctime >= psutil.Process(number).create_time()


def test_a_keeper_that_is_killed_costs_one_program(sandbox):
    assert sandbox.runs_through("pass")
    sandbox._keeper._process.kill()
    sandbox._keeper._process.wait()
    assert sandbox.runs_through("pass")


def test_the_keeper_ends_with_its_scorer(tmp_path):
    code = (
        "import os\nfrom admire.evaluate.sandbox.box import Sandbox\nsandbox = Sandbox()\nassert sandbox.runs_through('pass')\n"
        "print(sandbox._keeper._process.pid, flush=True)\nos.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    keeper = int(done.stdout)
    end = time.monotonic() + 20
    while (
        psutil.pid_exists(keeper) and psutil.Process(keeper).status() != psutil.STATUS_ZOMBIE and time.monotonic() < end
    ):
        time.sleep(0.05)
    assert not Path(f"/proc/{keeper}").exists() or psutil.Process(keeper).status() == psutil.STATUS_ZOMBIE


def test_required_isolation_is_refused_where_there_is_none(monkeypatch):
    monkeypatch.setattr(box, "best", lambda: Isolation("none", ()))
    with (
        pytest.raises(ConfigError, match="isolation: required, and this machine has no bubblewrap"),
        opened(required=True),
    ):
        pass
    with opened(required=False) as sandbox:
        assert sandbox.isolation.name == "none"


def test_programs_run_only_while_a_suite_is_scored():
    with pytest.raises(ConfigError, match="only while a suite"):
        programs.humaneval(PROBLEM, [["pass"]])


def test_pass_at_k_is_the_share_of_draws_with_a_pass():
    assert programs.pass_at_k(20, 0, 10) == 0
    assert programs.pass_at_k(20, 11, 10) == 1
    assert programs.pass_at_k(4, 1, 2) == pytest.approx(0.5)


def test_a_suite_runs_its_programs_in_a_sandbox_and_says_which(tiny_model, make_campaign, make_trial, tmp_path):
    import json
    import shutil

    from admire.evaluate.run import evaluate

    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "items.jsonl").write_text(json.dumps(PROBLEM) + "\n")
    (tasks / "roots.yaml").write_text(
        "task: roots\ndataset_path: json\n"
        f"dataset_kwargs: {{data_files: {{test: {tasks / 'items.jsonl'}}}}}\n"
        "test_split: test\nunsafe_code: true\noutput_type: generate_until\ndoc_to_text: '{{prompt}}'\ndoc_to_target: ''\n"
        "generation_kwargs: {until: ['</s>'], do_sample: false, max_gen_toks: 8}\nrepeats: 2\n"
        "filter_list: [{name: none, filter: [{function: take_first_k, k: 2}]}]\n"
        "process_results: !function admire.evaluate.programs.humaneval\n"
        "metric_list: [{metric: pass_at_10, aggregation: mean, higher_is_better: true}]\nmetadata: {version: 1.0}\n"
    )
    suite = {"kind": "lm-eval", "include_path": str(tasks), "tasks": {"roots": "pass_at_10"}, "runs_code": True}
    campaign = make_campaign({"code": suite}, "code/roots")
    trial = make_trial(campaign, status="ok", steps=1)
    shutil.copytree(tiny_model, trial.model())
    record = evaluate(campaign, trial, "code")
    assert record.status == "ok" and record.metrics["roots"].value == 0
    assert record.provenance["isolation"] == isolation.best().name
