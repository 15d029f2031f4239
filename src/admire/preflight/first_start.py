"""The first start, in an existing results folder, of a version that identifies tokenizers by their contents."""

from __future__ import annotations

from pathlib import Path

from admire.campaign.content_identity import CHANGED, LOADING, to_write_down, unknown_loading
from admire.campaign.layout import Layout
from admire.campaign.recipes import ready_tokenizer, source_digests
from admire.campaign.schema.campaign import Campaign
from admire.errors import ConfigError
from admire.trials.atomic_files import read_json, write_json


def write_contents_down(campaign: Campaign) -> None:
    """Write into contents.json what lies under those paths that are identities by their names (`campaign.content_identity`).

    For tokenizers, the cards of prepared sources say what lay there then.

    Raises:
        ConfigError: if the campaign's tokenizer is not the one that its sources were prepared with.
    """
    layout = Layout(Path(campaign.results))
    path = ready_tokenizer(campaign)
    unknown, held = unknown_loading(layout, path), to_write_down(layout, path)
    changed = _changed(campaign, layout) if unknown else None
    if changed is not None:
        held[LOADING] |= dict.fromkeys(unknown, CHANGED)
    write_json(layout.contents, held)
    if changed is not None:
        raise ConfigError(f"{path}: {changed}; restore its files, or give the campaign another name")


def _changed(campaign: Campaign, layout: Layout) -> str | None:
    """How the tokenizer differs from that of the prepared sources.

    Returns:
        None if it does not differ, or if other versions of the libraries prepared the sources, so that digests cannot be compared.
    """
    cards = [layout.card(name, digest) for name, digest in source_digests(campaign).items()]
    prepared = [
        card for card in map(read_json, filter(Path.is_file, cards)) if "loaded_by" not in card["recipe"]["tokenizer"]
    ]
    if not prepared:
        return None
    from importlib.metadata import version

    from admire.data.tokenizers import campaign_tokenizer, tokenizer_sha256

    now = None
    for card in prepared:
        made_by = card["provenance"]["versions"]
        if all(made_by.get(name) == version(name) for name in ("tokenizers", "transformers")):
            now = now or tokenizer_sha256(campaign_tokenizer(campaign))
            if card["tokenizer_sha256"] != now:
                return (
                    f"the tokenizer is not the one that source '{card['source']}' was prepared with (was "
                    f"{card['tokenizer_sha256'][:16]}, is {now[:16]})"
                )
    return None
