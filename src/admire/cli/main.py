"""`admire SUBCOMMAND ...`: find the subcommand, run it, and turn its refusals into one sentence and exit code 1."""

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

# People type SUBCOMMANDS, so `--help` explains each; RULE_SUBCOMMANDS are run by the workflow's rules and only listed by name.
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

# Only `prefetch` may download. Offline, a missing file is refused at once instead of after repeated requests to the hub.
OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
ONLINE_SUBCOMMAND = "prefetch"

OTHERS_WRITE = 0o002
REFUSED = (errno.EACCES, errno.EPERM)


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """The parser with the subcommand `only`, so that the others need not be imported; with all of them if `only` is None."""
    parser = argparse.ArgumentParser(
        prog="admire",
        description="ADMIRE finds how much of each data source a language model should be trained on. `snakemake --cores 2` runs a "
        "whole campaign; the subcommands below plan, inspect, repair and export campaigns.",
        epilog="`admire SUBCOMMAND --help` explains a subcommand. The workflow's rules run these further ones: "
        f"{', '.join(RULE_SUBCOMMANDS)}.",
    )
    subcommands = parser.add_subparsers(dest="subcommand", metavar="SUBCOMMAND", required=True)
    for name in SUBCOMMANDS + RULE_SUBCOMMANDS:
        if only is not None and name != only:
            continue
        module = importlib.import_module(f"admire.cli.{name.replace('-', '_')}")
        doc = (module.__doc__ or "").strip()
        # argparse lists only subcommands that have a help text; those of the rules are named in the epilogue.
        listed: dict[str, Any] = {"help": doc.splitlines()[0]} if name in SUBCOMMANDS else {}
        sub = subcommands.add_parser(
            name, description=doc, formatter_class=argparse.RawDescriptionHelpFormatter, **listed
        )
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand; returns the exit code, which is 1 after a refusal."""
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
    """A sentence about a full disk or a missing permission, if that is what the error is about; otherwise None."""
    from admire.trials import storage

    if (full := storage.trouble(error, results)) is not None:
        return str(full)
    if isinstance(error, OSError) and error.errno in REFUSED:
        fix = "make it writable, or set `results:` to a folder that is"
        return f"{error.filename or results}: permission is denied; {fix}. Nothing finished was lost"
    return None


def command() -> int:
    """The entry point of the `admire` command: a process that runs a single subcommand and ends.

    Most imported objects live until the process ends, and a garbage collection looks through all of them. Collections during the
    imports and at the end took a quarter of the time of a short subcommand (docs/decisions.md), so they are made rare
    and the last one is skipped.
    """
    gc.set_threshold(10_000)
    guard_streams()
    os.umask(os.umask(0o077) | OTHERS_WRITE)  # Not everybody on the machine may change a campaign's files.
    try:
        return main()
    finally:
        # A worker of a distributed training still has a process group with threads, which Python's own collection has to end.
        if os.environ.get("WORLD_SIZE", "1") == "1":
            gc.freeze()


if __name__ == "__main__":
    sys.exit(command())
