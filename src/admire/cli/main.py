"""`admire SUBCOMMAND ...`: find the subcommand, run it, turn what it refuses into one sentence and exit code 1."""

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
SUBCOMMANDS = (
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
RULE_SUBCOMMANDS = (
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

# Nothing is downloaded in a run: what is not on disk is refused at once, not asked for over and over. One subcommand is for that.
OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
ONLINE_SUBCOMMAND = "prefetch"

OTHERS_WRITE = 0o002
REFUSED = (errno.EACCES, errno.EPERM)


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """The parser, with the arguments of the subcommand `only` (or of all subcommands, for `--help`)."""
    parser = argparse.ArgumentParser(
        prog="admire",
        description="How much of each data source to train on. The workflow runs whole campaigns (`snakemake --cores 2`); "
        "these commands look at them, or are what the workflow's rules call.",
        epilog=f"What the workflow's rules call: {', '.join(RULE_SUBCOMMANDS)}. `admire SUBCOMMAND --help` explains a subcommand.",
    )
    subcommands = parser.add_subparsers(dest="subcommand", metavar="SUBCOMMAND", required=True)
    for name in SUBCOMMANDS + RULE_SUBCOMMANDS:
        if only is not None and name != only:
            continue
        module = importlib.import_module(f"admire.cli.{name.replace('-', '_')}")
        doc = (module.__doc__ or "").strip()
        listed: dict[str, Any] = (
            {"help": doc.splitlines()[0]} if name in SUBCOMMANDS else {}
        )  # the rules' subcommands stand in the epilogue
        sub = subcommands.add_parser(
            name, description=doc, formatter_class=argparse.RawDescriptionHelpFormatter, **listed
        )
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    only = argv[0] if argv and argv[0] in SUBCOMMANDS + RULE_SUBCOMMANDS else None
    args = build_parser(only).parse_args(argv)
    for name in OFFLINE if args.subcommand != ONLINE_SUBCOMMAND else ():
        os.environ.setdefault(name, "1")
    try:
        return args.run(args) or 0
    except AdmireError as error:
        say_error(f"admire {args.subcommand}: {sentence(str(error))}")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        said = _of_files(error, Path(getattr(args, "results", None) or "results"))
        if said is None:
            raise
        say_error(f"admire {args.subcommand}: {sentence(said)}")
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
    """`admire` as it is typed: a process with a single subcommand.

    Most imported objects live until the end. Garbage collection would look through all of them, during the imports and once more at
    the end: a quarter of the time of a short subcommand (docs/decisions.md).
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
