"""The house stands: imports point one way, subcommands start light, every module says what it is for."""

import ast
import json
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from admire.cli.main import RULE_SUBCOMMANDS, SUBCOMMANDS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "admire"
MODULES = sorted(PACKAGE.rglob("*.py"))

# room -> the rooms that it imports: no more than are needed; errors and the version belong to nobody
ARROWS = {
    "output": set(),
    "space": set(),
    "cluster": set(),
    "campaign": {"space"},
    "optimize": {"space"},
    "trials": {"output", "space", "campaign", "cluster"},
    "distributed": {"trials"},
    "data": {"campaign", "trials"},
    "evaluate": {"campaign", "trials", "distributed", "data"},
    "train": {"space", "campaign", "trials", "distributed", "data", "evaluate"},
    "loop": {"space", "campaign", "trials", "optimize"},
    "health": {"campaign", "cluster", "trials", "loop", "data"},
    "supervise": {"campaign", "trials", "cluster"},
    "preflight": {"campaign", "trials", "loop", "cluster", "data", "evaluate", "optimize"},
    "replay": {"output", "space", "campaign", "trials", "data", "optimize"},
    "report": {"output", "campaign", "trials", "loop", "data", "optimize", "health", "replay"},
    "cli": {
        *("output", "campaign", "trials", "loop", "data", "train", "evaluate", "optimize"),
        *("health", "supervise", "preflight", "replay", "report"),
    },
}
MOST = 65  # arrows in all: one more is a reason to think about what belongs where
HEAVY = [
    "botorch",
    "datasets",
    "gpytorch",
    "lm_eval",
    "matplotlib",
    "pandas",
    "scipy",
    "sklearn",
    "torch",
    "transformers",
    "trl",
]


def imports(path):
    """Every module that a file imports, inside functions too."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            # `from admire import report` names the room in the list
            found += [f"admire.{alias.name}" for alias in node.names] if node.module == "admire" else [node.module]
    return found


def rooms(path):
    """The rooms that a file imports."""
    found = {name.split(".")[1] for name in imports(path) if name.startswith("admire.")}
    return {room for room in found if (PACKAGE / room).is_dir()}


def loaded_after(code):
    """Which heavy packages a fresh Python has loaded after running `code`."""
    report = f"import json, sys\n{code}\nprint(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_every_folder_is_a_room_with_arrows():
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert folders <= ARROWS.keys()


def test_the_picture_of_the_packages_shows_the_arrows():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    picture = page.split("flowchart TD")[1].split("```")[0]
    drawn = {name: set() for name in ARROWS}
    for source, target in re.findall(r"(\w+) --> (\w+)", picture):
        assert target in ARROWS[source]
        drawn[source].add(target)

    def reached(name, arrows):
        return arrows[name].union(*(reached(other, arrows) for other in arrows[name]))

    assert {name: reached(name, drawn) for name in ARROWS} == {name: reached(name, ARROWS) for name in ARROWS}


@pytest.mark.parametrize("room", ARROWS)
def test_imports_point_one_way(room):
    for path in (PACKAGE / room).rglob("*.py"):
        wrong = rooms(path) - ARROWS[room] - {room}
        assert not wrong, f"{path.relative_to(ROOT)} imports {', '.join(sorted(wrong))}"


@pytest.mark.parametrize("room", ARROWS)
def test_no_arrow_stands_for_nothing(room):
    imported = set().union(*(rooms(path) for path in (PACKAGE / room).rglob("*.py")))
    assert ARROWS[room] <= imported, f"{room} no longer imports {', '.join(sorted(ARROWS[room] - imported))}"


def test_arrows_are_few_and_make_no_circle():
    assert sum(map(len, ARROWS.values())) <= MOST
    tuple(TopologicalSorter(ARROWS).static_order())


def test_the_arrows_keep_trainers_and_optimisers_apart():
    assert not {"optimize", "loop"} & (ARROWS["train"] | ARROWS["evaluate"])
    assert not {"train", "evaluate", "data"} & (ARROWS["optimize"] | ARROWS["loop"])


def test_the_optimiser_knows_nothing_of_campaigns():
    assert ARROWS["optimize"] == {"space"} and not ARROWS["space"]


def test_the_workflow_knows_the_command_line_and_the_campaign():
    for path in [ROOT / "Snakefile", *(ROOT / "workflow").rglob("*.smk"), ROOT / "workflow" / "Snakefile"]:
        for line in path.read_text(encoding="utf-8").splitlines():
            words = line.split()
            if words[:1] in (["from"], ["import"]) and words[1].startswith("admire"):
                allowed = (
                    "admire.campaign",
                    "admire.cluster",
                    "admire.errors",
                    "admire.loop.digest_owners",
                    "admire.loop.inputs",
                    "admire.loop.job_arguments",
                    "admire.loop.resources",
                    "admire.loop.runs",
                    "admire.loop.lane_state",
                    "admire.loop.targets",
                    "admire.output.screen",
                    "admire.trials.attempts",
                    "admire.trials.lease",
                    "admire.trials.nodes",
                )
                assert words[1].startswith(allowed), f"{path}: {line}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), "no module docstring"
    assert path.stem not in ("utils", "util", "helpers", "misc", "common")


def test_no_two_files_of_tests_have_one_name():
    """pytest imports them by their names alone."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    twice = {name for name in names if names.count(name) > 1 and name.startswith("test_")}
    assert not twice


def test_the_help_of_all_verbs_loads_nothing_heavy():
    assert loaded_after("from admire.cli.main import build_parser\nbuild_parser().format_help()") == []


@pytest.mark.parametrize("subcommand", ["propose", "spec", "build-data", "recommend", "status", "plan"])
def test_a_verb_starts_light(subcommand):
    code = f"from admire.cli.main import main\ntry:\n    main(['{subcommand}', '--help'])\nexcept SystemExit:\n    pass"
    assert loaded_after(code) == []


def test_the_checks_at_every_start_of_a_run_load_nothing_heavy():
    assert loaded_after("import admire.preflight.check, admire.health.check") == []


@pytest.mark.parametrize("subcommand", SUBCOMMANDS + RULE_SUBCOMMANDS)
def test_a_verb_is_one_file(subcommand):
    tree = ast.parse((PACKAGE / "cli" / f"{subcommand.replace('-', '_')}.py").read_text(encoding="utf-8"))
    assert {"add_arguments", "run"} <= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_file_and_function_is_of_a_size_that_one_reads(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400, "split the file by concept"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < 60, f"{node.name} is longer than 60 lines"
            names = [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            assert len([name for name in names if name not in ("self", "cls")]) <= 7, (
                f"{node.name} has over 7 parameters"
            )
