"""Score a trained trial on one suite of a campaign.

Writes share_1/evaluate/<suite>-<digest8>.json in the trial's folder (share_0.25/ with `--share 0.25`). If the training
failed, the suite is recorded as skipped. If the suite was scored before, that record is restored and nothing is computed.

With `--attempts 3` a suite that cannot be scored is a result: it is recorded as failed with the reason, and the exit code is 0.
That happens at the first attempt if another one would fail in the same way, otherwise after the third attempt that broke or was
killed. If the disk is full, the suite is left without an outcome and the exit code is 0; the campaign then stops, and the command
that runs it continues with this suite.

With `--resources '{"gpus": 8, "evaluation_processes": 8}'` eight processes are started, one per GPU as by torchrun, and share
the suite's items.
"""

from __future__ import annotations

import argparse

from admire.cli.campaigns import add_campaign_option, resolve
from admire.cli.trials import add_trial, resolve_trial


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the trial, the suite, the campaign that defines it, and the split."""
    add_trial(parser)
    parser.add_argument("--suite", required=True, help="a key of the campaign's `evaluation`")
    add_campaign_option(parser)
    parser.add_argument(
        "--split",
        choices=("validation", "test"),
        default="validation",
        help="which held-out data to score on: validation (default; decisions use it) or test (for comparisons)",
    )
    parser.add_argument(
        "--resources",
        default="{}",
        metavar="JSON",
        help="the model's `resources` from the campaign's YAML, which say how many processes share the items",
    )
    parser.add_argument(
        "--attempts",
        type=int,
        metavar="N",
        help="record the suite as failed, with the reason, after N attempts that broke or were killed (default: report the error)",
    )


def run(args: argparse.Namespace) -> None:
    """Evaluate and print the scores."""
    from admire.campaign.fidelity import label
    from admire.campaign.loading import parse_argument
    from admire.campaign.recipes import suite_digest
    from admire.campaign.schema.resources import Resources
    from admire.errors import StorageError
    from admire.evaluate.run import evaluate
    from admire.trials import storage
    from admire.trials.waiting import left_waiting

    resources = parse_argument(Resources, args.resources, "--resources")
    campaign, files = resolve(args), resolve_trial(args)
    try:
        record = evaluate(campaign, files, args.suite, args.split, resources, args.attempts)
    except (StorageError, OSError) as error:
        full = storage.trouble(error, files.folder)
        path = files.evaluation(args.suite, suite_digest(campaign, args.suite, args.split))
        if full is None or args.attempts is None or not left_waiting(path, full):
            raise
        return
    trial = f"{label(args.trial.parent.name, args.share)} {args.trial.name}, {args.suite}"
    if record.status != "ok":
        print(f"{trial}: {record.status}, {record.reason}")
        return
    scores = (
        f"{metric} {score.value:.4f}" + (f" ± {score.stderr:.4f}" if score.stderr is not None else "")
        for metric, score in record.metrics.items()
    )
    missing = (f"{metric} missing ({why})" for metric, why in record.missing.items())
    print(f"{trial}: {', '.join([*scores, *missing])}")
