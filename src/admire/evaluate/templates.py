"""Reports templates that fail while a suite's prompts are made, in one sentence with the file and the key."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from admire.campaign import task_files
from admire.campaign.schema.evaluation import Benchmarks
from admire.errors import ConfigError

if TYPE_CHECKING:
    from jinja2 import Environment
    from lm_eval.models.huggingface import HFLM

KEYS = ("doc_to_text", "doc_to_target", "doc_to_choice", "gen_prefix")  # lm-eval renders the texts under these keys.


def check_templates(suite: Benchmarks) -> None:
    """Refuse templates of a folder's tasks that are not valid Jinja or name an unknown filter or test.

    Raises:
        ConfigError: names the task, its file and its key.
    """
    from jinja2 import TemplateSyntaxError

    if suite.include_path is None:
        return
    import lm_eval.utils

    for task, leaf in _leaves(suite):
        for key, text in _texts(leaf):
            try:
                _check_text(lm_eval.utils.env, text)
            except (TemplateSyntaxError, RecursionError) as error:
                raise ConfigError(_sentence(task, leaf, key, error)) from None


def _check_text(environment: Environment, text: str) -> None:
    """Parse a template, and check the filters and tests that it names.

    Compiling it would check them too, but would also evaluate constant expressions such as `'x' * 10**10`.
    """
    from jinja2 import TemplateAssertionError, nodes

    tree = environment.parse(text)
    for kind, node, known in (
        ("filter", nodes.Filter, environment.filters),
        ("test", nodes.Test, environment.tests),
    ):
        for found in tree.find_all(node):
            if found.name not in known:
                raise TemplateAssertionError(f"No {kind} named {found.name!r}.", found.lineno)


@contextlib.contextmanager
def named_templates(suite: Benchmarks) -> Iterator[None]:
    """Inside the block, a template that fails raises a `ConfigError` that names the task, its file and its key."""
    import lm_eval.utils

    plain = lm_eval.utils.apply_template

    def render(template: str, doc: dict[str, Any]) -> str:
        try:
            return plain(template, doc)
        except Exception as error:  # A template is a program, so it can fail in any way.
            raise ConfigError(_whose(suite, template, error)) from None

    lm_eval.utils.apply_template = render
    try:
        yield
    finally:
        lm_eval.utils.apply_template = plain


def name_chat_template(model: HFLM) -> None:
    """Make a chat template that fails on a prompt raise a `ConfigError` that names the key."""
    plain: Callable[..., str] = model.apply_chat_template

    def render(*args: Any, **named: Any) -> str:
        try:
            return plain(*args, **named)
        except Exception as error:
            raise ConfigError(
                f"chat_template: the tokenizer's chat template refuses a prompt ({_reason(error)}); fix the template that "
                "tokenizer.chat_template names, or take chat_template out of the suite"
            ) from None

    model.apply_chat_template = render


def _whose(suite: Benchmarks, template: str, error: Exception) -> str:
    for task, leaf in _leaves(suite):
        for key, text in _texts(leaf):
            if text == template:
                return _sentence(task, leaf, key, error)
    return (
        f"a template of its tasks cannot be rendered ({_reason(error)}): {template[:200]!r}; fix it in the task's file"
    )


def _leaves(suite: Benchmarks) -> Iterator[tuple[str, task_files.TaskFile]]:
    files = task_files.places(suite)
    for task in suite.tasks:
        for leaf in task_files.leaves(files, task) if task in files else ():
            yield task, leaf


def _texts(leaf: task_files.TaskFile) -> Iterator[tuple[str, str]]:
    """(key, text) for each template of a task; values that are functions are no templates."""
    for key in KEYS if "class" not in leaf.content else ():
        value = leaf.content.get(key)
        if isinstance(value, str):
            yield key, value


def _sentence(task: str, leaf: task_files.TaskFile, key: str, error: Exception) -> str:
    place = f"tasks.{task}" if leaf.name == task else f"tasks.{task}: its member {leaf.name}"
    where = f" in {leaf.path}" if leaf.path else ""
    return f"{place}: its template {key} cannot be rendered ({_reason(error)}); fix {key}{where}"


def _reason(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:200].rstrip(".")
