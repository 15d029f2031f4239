"""Are the sources there, still what they were, and large enough for a mixture?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from admire.campaign.config import Campaign
from admire.campaign.layout import Layout
from admire.campaign.recipes import source_digest
from admire.data.documents import inspect, local_files
from admire.errors import ConfigError, SourceError
from admire.optimize.evidence import space_of
from admire.preflight.contents import check_contents
from admire.trials.files import read_json


def check_sources(campaign: Campaign, origin: str) -> None:
    """Refuse missing, empty, unreadable or changed sources, and caps that no mixture fits into.

    Raises:
        ConfigError: names the configuration, the source and the mend.
    """
    from admire.data.sources import check_files

    layout = Layout(Path(campaign.results))
    most = []
    for name, source in campaign.sources.items():
        path = layout.card(name, source_digest(campaign, name))
        try:
            if path.is_file():
                card = read_json(path)
                check_files(campaign, name, card)
                most.append(card["splits"]["train"]["rows"])
            else:
                inspect(name, source)
                check_contents(name, source)
                most.append(_at_most(campaign, name))
        except SourceError as error:
            raise ConfigError(f"{origin}: {error}") from None
    try:
        space_of(campaign, np.array(most))
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from None


def _at_most(campaign: Campaign, name: str) -> int:
    """An upper bound of a source's rows before it is prepared: a token covers a byte or more.

    Without a bound (corpora, datasets, compressed files, conversations) the exact check is that of the first decision.
    """
    unbounded = int(np.ceil(campaign.rows(campaign.target)))
    source = campaign.sources[name]
    files = local_files(name, source)
    if (
        campaign.training.kind != "pretrain"
        or not files
        or any(path.suffix == ".parquet" for path in files)
        or source.dataset
    ):
        return unbounded
    return sum(path.stat().st_size for path in files) // campaign.training.sequence_length
