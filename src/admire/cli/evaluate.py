"""Score a trained trial on one suite of a campaign.

Writes share_1/evaluate/<suite>-<digest8>.json in the trial's folder (share_0.25/ with `--share 0.25`). A trial whose
training failed is recorded as skipped; a record that is there already is restored and nothing is computed.

With `--attempts 3` a suite that cannot be scored becomes a result, with exit code 0: it is recorded as failed with its reason,
at once where another attempt would end in the same way, else after the third attempt that broke or was killed. What a full disk
ended is left without an outcome, with exit code 0; the campaign then ends and the same command goes on.

With `--resources '{"gpus": 8, "evaluation_processes": 8}'` it starts a process a GPU, as torchrun does; they share the items.
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
        help="held-out data: validation for campaigns (default), test for benchmarks",
    )
    parser.add_argument(
        "--resources",
        default="{}",
        metavar="JSON",
        help="a model's `resources` as in the campaign's YAML: how many processes share the items",
    )
    parser.add_argument(
        "--attempts",
        type=int,
        help="after so many that broke or were killed, record the suite as failed, with the reason",
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
