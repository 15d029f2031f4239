"""Write the table and the picture of a finished comparison: the recommended mixture against others, on the test split.

`snakemake benchmark` trains the mixtures that are compared and runs this subcommand at its end.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from admire.cli.campaigns import add_campaign, resolve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the campaign and the folder to write to."""
    add_campaign(parser)
    parser.add_argument("--out", type=Path, help="the folder to write (default: results/benchmarks/<name>)")


def run(args: argparse.Namespace) -> int:
    """Write `summary.csv`, `README.md` and the picture; print the table."""
    campaign = resolve(args)
    from admire.campaign.layout import Layout
    from admire.report.comparison import figure, page, scores
    from admire.trials.atomic_files import write_text

    rows = scores.read(campaign)
    out = args.out or Layout(Path(campaign.results)).benchmark(campaign.name)
    write_text(out / "summary.csv", scores.summary_csv(campaign, rows))
    figure.draw(campaign, rows, out)
    write_text(out / "README.md", page.render(campaign, rows))
    print("\n".join(page.table(rows)))
    print(f"\nwritten: {out}/")
    return 0
