"""Open failed trials again: the next run of their campaign repeats the training, or only the evaluation if only that failed.

Name trials by their digests, as `admire status` prints them. Or select failed trials with `--all` or `--reason TEXT`; then the
positional arguments are names of campaigns, and without any the whole results folder is searched. The records of the failed
attempts are archived. A trial that succeeded cannot be opened and is never trained again.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's arguments."""
    parser.add_argument(
        "names",
        nargs="*",
        metavar="DIGEST",
        help="digests of trials, or enough first digits of them; with --all or --reason the names of campaigns",
    )
    parser.add_argument("--all", action="store_true", help="open every failed trial")
    parser.add_argument(
        "--reason",
        metavar="TEXT",
        help="open every failed trial whose reason, as `admire status` shows it, contains TEXT",
    )
    parser.add_argument("--results", default="results", help="the results folder (default: results)")


def run(args: argparse.Namespace) -> int:
    """Archive the records of the failed attempts and print what to do next; returns 1 if a trial was busy."""
    import sys
    from pathlib import Path

    from admire.campaign.layout import Layout
    from admire.errors import BusyError, ConfigError
    from admire.trials.retry import failed_training, failed_trials, find_trial, reopen
    from admire.trials.waiting import release_all

    results = Layout(Path(args.results))
    if args.all or args.reason is not None:
        trials = failed_trials(results, args.names, args.reason or "")
    elif args.names:
        trials = [failed_training(find_trial(results, digest)) for digest in args.names]
    else:
        raise ConfigError(
            "which trials? Name their digests, or `--all`, or `--reason TEXT`; `admire status NAME` lists what failed"
        )
    busy = 0
    for trial in trials:
        try:
            archive = reopen(trial)
        except BusyError as error:
            print(f"admire retry: {error}", file=sys.stderr)
            busy += 1
        else:
            print(f"{trial.outcome} is open again; its records are in {archive}")
    back = release_all(results)
    begun = f", and {back} that were not begun meanwhile" if back else ""
    print(f"{len(trials) - busy} opened{begun}. Run the campaign, which does what is missing.")
    return 1 if busy else 0
