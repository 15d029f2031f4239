"""The tokenizer with which a campaign's sources are prepared: trained on its own documents, or a ready one.

Code that comes with a tokenizer is never run.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from admire.campaign import contents
from admire.campaign.json_hash import canonical
from admire.campaign.layout import Layout
from admire.campaign.loaded_by import loaded_by
from admire.campaign.recipes import tokenizer_digest, tokenizer_owner
from admire.campaign.schema.campaign import Campaign
from admire.data.documents import documents
from admire.data.left_out import Tally
from admire.data.splits import placed
from admire.errors import ConfigError, TrialError
from admire.trials.identity import tokenizer_place
from admire.trials.lease import Lease

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

END_OF_TEXT = "<|endoftext|>"
CHAT_TOKENS = ("<|user|>", "<|assistant|>", "<|system|>", "<|end|>")
BYTES = 256


def train_tokenizer(campaign: Campaign) -> Path | None:
    """Train the campaign's tokenizer, unless that is done: a byte-level BPE on training documents of each source.

    Returns:
        The tokenizer's folder; None if the campaign uses a ready tokenizer.

    Raises:
        ConfigError: if the vocabulary is too small for all bytes and the special tokens.
        SourceError: if a source cannot be read.
    """
    owner = tokenizer_owner(campaign)
    if owner is None or owner.tokenizer.vocabulary is None:
        return None
    smallest = BYTES + 1 + len(CHAT_TOKENS)
    if owner.tokenizer.vocabulary < smallest:
        raise ConfigError(
            f"tokenizer.vocabulary: {owner.tokenizer.vocabulary} is too small, byte-level BPE needs {smallest} or more"
        )
    folder = Layout(Path(campaign.results)).tokenizer(tokenizer_digest(campaign))
    with Lease(folder.with_name(f"{folder.name}.lease")).hold(wait=True):
        if not (folder / "tokenizer.json").is_file():
            partial = folder.with_name(f".{folder.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            _trained(owner, owner.tokenizer.vocabulary).save_pretrained(partial)
            shutil.rmtree(folder, ignore_errors=True)
            os.rename(partial, folder)
    return folder


def load_tokenizer(place: dict[str, str], results: Path, chat_template: str | None = None) -> PreTrainedTokenizerBase:
    """Load a tokenizer from the place in a spec's labels.

    Args:
        place: `{"path": hub name or folder, "sha256": digest of its files, "loaded_by": ...}` for a ready tokenizer, or `{"folder":
            path relative to the results}` for the campaign's own.
        results: the results folder.
        chat_template: a Jinja file with the template to use instead of the tokenizer's own.

    Raises:
        ConfigError: if the tokenizer is missing or has changed, or has no fast version or no end-of-text token.
    """
    if "folder" in place:  # The class of our own tokenizers is known. AutoTokenizer would import torch to find it out.
        from transformers import PreTrainedTokenizerFast

        reader: Any = PreTrainedTokenizerFast
        path, mend = str(results / place["folder"]), "run the workflow, which trains it"
    else:
        from transformers import AutoTokenizer

        reader = AutoTokenizer
        path, mend = place["path"], "correct tokenizer.path, or fetch it once where there is a network"
        _check_content(place, Layout(results), own_template=chat_template is None)
    try:
        # Without this argument, transformers would ask on the terminal whether to run code that came with the files.
        tokenizer = reader.from_pretrained(path, trust_remote_code=False)
    # transformers takes what the files say on trust, and fails in its own way at each mistake.
    except (OSError, ValueError, AttributeError, KeyError, TypeError, ImportError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        if "trust_remote_code" in str(error):
            reason, mend = "it comes with code of its own, which is never run", "choose another tokenizer.path"
        raise ConfigError(f"{path}: the tokenizer cannot be loaded ({reason}); {mend}") from None
    if not tokenizer.is_fast:
        raise ConfigError(
            f"{path}: this tokenizer has no fast version, without which bytes cannot be counted; "
            "choose another tokenizer.path"
        )
    if tokenizer.eos_token_id is None:
        raise ConfigError(
            f"{path}: this tokenizer has no end-of-text token to put between documents; choose another tokenizer.path"
        )
    if chat_template is not None:
        try:
            tokenizer.chat_template = Path(chat_template).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{chat_template}: the chat template cannot be read ({error}); correct tokenizer.chat_template"
            ) from None
    return tokenizer


def _check_content(place: dict[str, str], layout: Layout, own_template: bool) -> None:
    """Refuse a tokenizer whose files changed since a trial was decided with it."""
    now = contents.tokenizer(place["path"], layout.hashes, own_template)
    if "sha256" in place and now != place["sha256"]:
        raise ConfigError(
            f"{place['path']}: the tokenizer is not the one that this was decided with: it was {place['sha256'][:16]}, is "
            f"{now[:16] if now else 'not there'}; restore its files, or give the campaign another name"
        )
    if place.get("loaded_by", how := loaded_by(place["path"], layout.hashes)) != how:
        raise ConfigError(
            f"{place['path']}: the tokenizer is not loaded as when this was decided: config.json beside it, or a file that its "
            f"fast_tokenizer_files name, was {place['loaded_by']}, is {how}; restore them, or give the campaign another name"
        )


def campaign_tokenizer(campaign: Campaign) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a campaign. If it is the campaign's own, it must have been trained before.

    Raises:
        ConfigError: as `load_tokenizer`.
    """
    layout = Layout(Path(campaign.results))
    return load_tokenizer(tokenizer_place(campaign, layout), layout.root, campaign.tokenizer.chat_template)


def tokenizer_sha256(tokenizer: PreTrainedTokenizerBase) -> str:
    """The digest of a tokenizer's content: rules and vocabulary, special tokens, and chat template."""
    rules = json.loads(tokenizer.backend_tokenizer.to_str())
    for state in ("truncation", "padding"):  # These settings are left over from calls and no part of the content.
        rules.pop(state, None)
    content = {"rules": rules, "special": tokenizer.special_tokens_map, "chat_template": tokenizer.chat_template}
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def check_tokenizer(tokenizer: PreTrainedTokenizerBase, sha256: str, place: dict[str, str]) -> None:
    """Refuse a tokenizer other than that with which a trial's rows were made.

    Args:
        sha256: the result of `tokenizer_sha256` when the rows were made.
        place: the place from which the tokenizer was loaded, for the message.

    Raises:
        TrialError: if the digests differ; the message has both.
    """
    found = tokenizer_sha256(tokenizer)
    if found != sha256:
        where = next(iter(place.values()))
        raise TrialError(
            f"{where}: this tokenizer is {found[:12]}, the trial's rows were made with {sha256[:12]}; restore its files, "
            "or give the campaign another name"
        )


def _trained(owner: Campaign, vocabulary: int) -> PreTrainedTokenizerBase:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END_OF_TEXT, *CHAT_TOKENS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(_training_texts(owner), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=END_OF_TEXT,
        pad_token=END_OF_TEXT,
        additional_special_tokens=list(CHAT_TOKENS),
        clean_up_tokenization_spaces=False,
    )


def _training_texts(owner: Campaign) -> Iterator[str]:
    """The texts of training documents. Held-out ones are excluded, because they must not influence the tokenizer either."""
    from tqdm import tqdm

    for name, source in tqdm(owner.sources.items(), desc="tokenizer: reading sources", unit="source", disable=None):
        whole = placed(documents(name, source, owner.training.kind), owner.held_out, Tally())
        training = (found.document for found in whole if found.split == "train")
        for document in itertools.islice(training, owner.tokenizer.documents_per_source):
            yield document if isinstance(document, str) else "\n".join(document.texts)
