"""The suite `domain-loss`: the held-out loss of each source of a campaign; `admire.evaluate.held_out` describes its unit."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from admire.campaign.layout import Layout
from admire.campaign.recipes import source_digest
from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.evaluation import DomainLoss
from admire.data.rows import load_split
from admire.distributed.ranks import Ranks
from admire.errors import SourceError
from admire.evaluate.held_out import losses
from admire.trials.records import Score

if TYPE_CHECKING:
    import datasets

PACKAGES = ("torch", "transformers", "datasets")


def scores(
    campaign: Campaign, suite: DomainLoss, model_folder: Path, split: str, _said: Counter[str] | None = None
) -> dict[str, Score]:
    """Source -> held-out loss of the model. The workers share the rows, and each gets all losses.

    Args:
        model_folder: the folder of the saved model.
        split: `validation` or `test`, the split of each source that is scored.

    Raises:
        SourceError: if a source is not prepared or has no rows in this split.
        TrialError: if tensors of the model are missing in its files.
    """
    import torch

    from admire.evaluate.loading import load_whole

    ranks = Ranks()
    held_out = {name: _rows(campaign, name, split) for name in suite.sources or campaign.sources}
    model = load_whole(model_folder, "train the trial again", dtype="auto", local_files_only=True).eval()
    model.to(f"cuda:{ranks.local}" if torch.cuda.is_available() else "cpu")
    return losses(model, held_out, suite.batch_size, ranks)


def _rows(campaign: Campaign, name: str, split: str) -> datasets.Dataset:
    folder = Layout(Path(campaign.results)).source(name, source_digest(campaign, name))
    rows = load_split(folder, split)
    if len(rows) == 0:
        raise SourceError(
            f"sources.{name}: the {split} split is empty ({folder}); raise held_out.{split}, or leave it out of the suite"
        )
    return rows
