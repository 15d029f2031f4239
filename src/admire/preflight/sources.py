"""Are the sources there, unchanged since they were prepared, and large enough for the mixtures?"""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np

from admire.campaign.layout import Layout
from admire.campaign.recipes import source_digests
from admire.campaign.schema.campaign import Campaign
from admire.data.bounds import rows_at_most
from admire.data.documents import inspect
from admire.data.hub_cache import check_commit
from admire.data.left_out import Tally, is_unchecked
from admire.errors import ConfigError, SourceError
from admire.loop.evidence import prior_of, space_of
from admire.loop.freedom import check_freedom
from admire.preflight.columns import check_columns
from admire.preflight.hub import on_hub
from admire.trials.atomic_files import read_json


def check_sources(campaign: Campaign, origin: str, begun: bool = False) -> None:
    """Refuse missing, empty, unreadable or changed sources, and sources with too few rows for a trial or the baseline mixture.

    Of a source that is not prepared yet only an upper bound of its rows is known; the first decision checks the exact rows again.

    Args:
        origin: the configuration file, as messages name it.
        begun: whether the campaign has decided trials. If so, it is not refused when its sources allow only a single mixture.

    Raises:
        ConfigError: names the configuration, the source and the fix.
    """
    from admire.data.prepared_source import check_files

    layout = Layout(Path(campaign.results))
    most, prepared = [], True
    digests = source_digests(campaign)
    for name, source in campaign.sources.items():
        path = layout.card(name, digests[name])
        try:
            if path.is_file():
                card = read_json(path)
                check_files(campaign, name, card)
                if "first_dropped" in card:  # Cards of earlier versions lack this key; their sources stay accepted.
                    Tally.of(card).check(name, source.left_out_at_most)
                most.append(card["splits"]["train"]["rows"])
            else:
                inspect(name, source, campaign.training.kind)
                check_columns(name, source)
                most.append(rows_at_most(campaign, name))
                prepared = False
        except SourceError as error:
            raise ConfigError(f"{origin}: {error}") from None
    try:
        space = space_of(campaign, np.array(most))
        if not begun:
            check_freedom(campaign, np.array(most))
        prior_of(campaign, space, np.minimum(most, campaign.rows(campaign.target)))
    except ConfigError as error:
        known = "" if prepared else " (known from the sizes of the files; after preparation there may be fewer rows)"
        raise ConfigError(f"{origin}: {error}{known}") from None


def rows_known(campaign: Campaign) -> np.ndarray:
    """The training rows of the K sources: exact for prepared ones, otherwise upper bounds, which are infinite if unknown."""
    layout, digests = Layout(Path(campaign.results)), source_digests(campaign)
    cards = {name: layout.card(name, digests[name]) for name in campaign.sources}
    return np.array(
        [
            read_json(card)["splits"]["train"]["rows"] if card.is_file() else rows_at_most(campaign, name)
            for name, card in cards.items()
        ]
    )


def check_masks(campaign: Campaign, origin: str) -> None:
    """Refuse a new campaign with conversations that an earlier version prepared without checking which tokens count in the loss.

    Raises:
        ConfigError: names the configuration and the folders to remove.
    """
    layout, digests = Layout(Path(campaign.results)), source_digests(campaign)
    cards = [layout.card(name, digests[name]) for name in campaign.sources]
    if old := [card.parent for card in cards if card.is_file() and is_unchecked(read_json(card))]:
        folders = " ".join(shlex.quote(str(folder)) for folder in old)
        raise ConfigError(
            f"{origin}: an earlier version prepared {len(old)} sources without checking which tokens count in the loss; have them "
            f"prepared again: rm -r {folders} (rows that were right are the same again, and so are their trials)"
        )


def check_commits(campaign: Campaign, origin: str) -> None:
    """Refuse sources from the hub that were prepared from another commit than the one that is now on this machine.

    Raises:
        ConfigError: names the configuration, the source and both commits.
    """
    layout, digests = Layout(Path(campaign.results)), source_digests(campaign)
    for name, source in campaign.sources.items():
        path = layout.card(name, digests[name])
        if source.dataset is not None and on_hub(source.dataset) and path.is_file():
            try:
                check_commit(f"sources.{name}", source, read_json(path))
            except SourceError as error:
                raise ConfigError(f"{origin}: {error}") from None
