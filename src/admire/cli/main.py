"""`admire VERB ...`: find the verb, run it, turn what it refuses into one sentence and exit code 1."""

from __future__ import annotations

import argparse
import errno
import gc
import importlib
import os
import sys
from pathlib import Path
from typing import Any

from admire.errors import AdmireError
from admire.output.screen import guard_streams, say_error, sentence

# What a person types first, then what the workflow's rules type.
VERBS = (
    "plan",
    "status",
    "recommend",
    "report",
    "export",
    "replay",
    "methods",
    "retry",
    "prune",
    "preflight",
    "prefetch",
    "supervise",
)
RULE_VERBS = (
    "train-tokenizer",
    "prepare-source",
    "propose",
    "spec",
    "build-data",
    "train",
    "evaluate",
    "update",
    "benchmark",
)

# Nothing is downloaded in a run: what is not on disk is refused at once, not asked for over and over. One verb is for that.
OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
ONLINE_VERB = "prefetch"

OTHERS_WRITE = 0o002
REFUSED = (errno.EACCES, errno.EPERM)


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """The parser, with the arguments of the verb `only` (or of all verbs, for `--help`)."""
    parser = argparse.ArgumentParser(
        prog="admire",
        description="How much of each data source to train on. The workflow runs whole campaigns (`snakemake --cores 2`); "
        "these commands look at them, or are what the workflow's rules call.",
        epilog=f"What the workflow's rules call: {', '.join(RULE_VERBS)}. `admire VERB --help` explains a verb.",
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name in VERBS + RULE_VERBS:
        if only is not None and name != only:
            continue
        module = importlib.import_module(f"admire.cli.{name.replace('-', '_')}")
        doc = (module.__doc__ or "").strip()
        listed: dict[str, Any] = (
            {"help": doc.splitlines()[0]} if name in VERBS else {}
        )  # the rules' verbs stand in the epilogue
        sub = verbs.add_parser(name, description=doc, formatter_class=argparse.RawDescriptionHelpFormatter, **listed)
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    only = argv[0] if argv and argv[0] in VERBS + RULE_VERBS else None
    args = build_parser(only).parse_args(argv)
    for name in OFFLINE if args.verb != ONLINE_VERB else ():
        os.environ.setdefault(name, "1")
    try:
        return args.run(args) or 0
    except AdmireError as error:
        say_error(f"admire {args.verb}: {sentence(str(error))}")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        said = _of_files(error, Path(getattr(args, "results", None) or "results"))
        if said is None:
            raise
        say_error(f"admire {args.verb}: {sentence(said)}")
    return 1


def _of_files(error: Exception, results: Path) -> str | None:
    """What an error says of a disk or of permissions, in a sentence; None when it is of something else."""
    from admire.trials import storage

    if (full := storage.trouble(error, results)) is not None:
        return str(full)
    if isinstance(error, OSError) and error.errno in REFUSED:
        mend = "make it writable, or set `results:` to a folder that is"
        return f"{error.filename or results}: permission is denied; {mend}. Nothing finished was lost"
    return None


def command() -> int:
    """`admire` as it is typed: a process with a single verb.

    Most of what a verb imports stays to its end, and Python looks through all of it for garbage, while it is imported and once
    more at the end: a quarter of the time that a short one takes (docs/decisions.md).
    """
    gc.set_threshold(10_000)
    guard_streams()
    os.umask(os.umask(0o077) | OTHERS_WRITE)  # what campaigns write is never for everybody to change
    try:
        return main()
    finally:
        # one of several that train together leaves its process group, and that one's threads, to Python
        if os.environ.get("WORLD_SIZE", "1") == "1":
            gc.freeze()


if __name__ == "__main__":
    sys.exit(command())
