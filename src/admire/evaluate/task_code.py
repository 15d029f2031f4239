"""Keeps code in a folder of task files from running unless the suite trusts it.

lm-eval imports the code that `!function` and `class` name, lets the library `evaluate` load unknown metrics, which may be local
scripts, and renders a task's texts as Jinja templates. All of this runs on every machine that reads the tasks, also on login nodes.
Without `trusts_code: true` the files may name only those functions of ADMIRE that are made for task files, and templates are
rendered in Jinja's immutable sandbox.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from admire.campaign import task_files
from admire.campaign.schema.evaluation import Benchmarks
from admire.errors import ConfigError

if TYPE_CHECKING:
    from lm_eval.tasks import TaskManager

OURS = ("admire.evaluate.answers", "admire.evaluate.items", "admire.evaluate.programs")
STANDARD = "tag:yaml.org,2002:"
METRIC = re.compile(r"[A-Za-z0-9_.@+-]+")  # Names of this form contain no path separator.


def check_code(suite: Benchmarks) -> None:
    """Refuse a folder of task files that holds code, unless the suite trusts it.

    Raises:
        ConfigError: names the file, the code that it would run, and the key that consents.
    """
    if not suite.trusts_code:
        for path, code in code_in(suite):
            raise ConfigError(
                f"include_path: {path} runs code of its own ({code}); read it, then say trusts_code: true in the suite, or take "
                "the file out of the folder"
            )


def code_in(suite: Benchmarks) -> list[tuple[Path, str]]:
    """(file, code that it names) for the task files of a suite's folder; files that lm-eval ships are left out."""
    if suite.include_path is None:
        return []
    folder, shipped = Path(suite.include_path), task_files.shipped().resolve()
    files = {
        place.resolve(): place for path in sorted(folder.rglob("*.yaml")) for place in task_files.with_includes(path)
    }
    own = [place for resolved, place in files.items() if not resolved.is_relative_to(shipped)]
    return [(path, code) for path in own for code in _code(path)]


def _code(path: Path) -> Iterator[str]:
    """The code that a task file names: in tags that are no plain YAML, and under the keys `class`, `metric` and `hf_evaluate`."""
    try:
        with path.open("rb") as stream:
            root = yaml.compose(stream, Loader=yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return  # lm-eval skips files that are not valid YAML.
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if not node.tag.startswith(STANDARD) or node.tag.startswith(f"{STANDARD}python"):
            name = node.value if isinstance(node, yaml.ScalarNode) else ""
            if not (node.tag == "!function" and _is_ours(name, task_files.home(path))):
                yield f"{node.tag} {name}".strip()
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if isinstance(value, yaml.ScalarNode) and _names_code(str(key.value), value.value):
                    yield f"{key.value}: {value.value}"
                waiting += [key, value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value


def _names_code(key: str, value: str) -> bool:
    """Whether lm-eval would load code for a key with this text as its value."""
    if key == "metric":
        return not METRIC.fullmatch(value) or Path(value).exists()
    return key == "class" or (key == "hf_evaluate" and value.lower() in ("true", "yes", "on"))


def _is_ours(name: str, folder: Path) -> bool:
    """Whether `!function name` leads to a function of ADMIRE for task files, and not to a module of that name beside the file."""
    module, _, function = name.rpartition(".")
    if module not in OURS or (folder / f"{module.replace('.', '/')}.py").exists():
        return False
    found = getattr(importlib.import_module(module), function, None)
    return inspect.isfunction(found) and found.__module__ == module


def check_same_files(suite: Benchmarks, manager: TaskManager) -> None:
    """Refuse a suite if lm-eval found its tasks in other files than those that were checked, before it loads any of them.

    Raises:
        ConfigError: names the task and both files.
    """
    files = task_files.places(suite)
    for asked in suite.tasks:
        leaves = task_files.leaves(files, asked)
        reached = {asked: files[asked], **{leaf.name: leaf.path for leaf in leaves if leaf.path is not None}}
        groups = {place for leaf in leaves for place in leaf.groups}
        reached |= {name: place for name, place in files.items() if place in groups}
        for name, place in reached.items():
            entry = manager.task_index.get(name)
            other = None if entry is None or entry.yaml_path is None else entry.yaml_path
            if other is None or other.resolve() != place.resolve():
                found = f"in {other}" if other else "as the tag of other tasks" if entry else "nowhere"
                raise ConfigError(
                    f"tasks.{asked}: {place} says the task {name}, which lm-eval finds {found}; give each task of "
                    f"{suite.include_path} a name of its own"
                )


@contextlib.contextmanager
def guarded_templates(suite: Benchmarks) -> Iterator[None]:
    """Inside the block lm-eval renders templates in Jinja's sandbox and loads no metric from files, if the suite trusts no code."""
    if suite.include_path is None or suite.trusts_code:
        yield
        return
    import evaluate
    import lm_eval.utils
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    plain, load = lm_eval.utils.env, evaluate.load

    def load_no_file(path: str, *arguments: Any, **keywords: Any) -> Any:
        if not METRIC.fullmatch(path) or Path(path).exists():
            raise ConfigError(f"metric: {path} is code; read it, then say trusts_code: true in the suite")
        return load(path, *arguments, **keywords)

    guarded = ImmutableSandboxedEnvironment(
        loader=plain.loader, undefined=plain.undefined, keep_trailing_newline=plain.keep_trailing_newline
    )
    guarded.filters.update(plain.filters)
    lm_eval.utils.env, evaluate.load = guarded, load_no_file
    try:
        yield
    finally:
        lm_eval.utils.env, evaluate.load = plain, load
