"""Chat templates beside what they should make of a conversation, written down piece by piece, and tokenizers of several forms."""

from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

CONTROL = ["<|user|>", "<|assistant|>", "<|system|>", "<|tool|>", "<|end|>"]
END_OF_TEXT = "<|endoftext|>"
CONFIG = Path(__file__).parents[2] / "config"
TEXTS = ["river stone lamp garden, what is one", "größer 数 🦊 and so on", "\n\n two\tthree  ", "<|x|> < | >"] * 3


# of each template: its Jinja, and (text, whether it is learnt) for a turn, whether it is the last one
def _shipped(turn, last):
    said = [(turn["content"] + "<|end|>", turn["role"] == "assistant")]
    return [(f"<|{turn['role']}|>", False), *said]


def _tulu(turn, last):
    if turn["role"] == "assistant":
        return [("<|assistant|>\n", False), (turn["content"] + END_OF_TEXT, True), ("" if last else "\n", False)]
    return [(f"<|{turn['role']}|>\n{turn['content']}\n", False)]


def _stripped(turn, last):
    said = turn["content"].strip()
    if turn["role"] == "assistant":
        return [("<|assistant|>\n", False), (f" {said}<|end|>\n", True)]
    return [(f"<|{turn['role']}|>\n{said}<|end|>\n", False)]


TEMPLATES = {
    "shipped": ((CONFIG / "chat.jinja").read_text(encoding="utf-8"), _shipped),
    "tulu": ((CONFIG / "tulu-chat.jinja").read_text(encoding="utf-8"), _tulu),
    "strips": (  # blanks at a block's beginning and end, whitespace control in the loop
        "{%- for m in messages %}\n"
        "    {%- set said = m['content'] | trim %}\n"
        "    {%- if m['role'] == 'assistant' %}\n"
        "        {{- '<|assistant|>\\n' }}\n"
        "        {%- generation %}\n"
        "            {{- ' ' + said + '<|end|>\\n' }}\n"
        "        {%- endgeneration %}\n"
        "    {%- else %}\n"
        "        {{- '<|' + m['role'] + '|>\\n' + said + '<|end|>\\n' }}\n"
        "    {%- endif %}\n"
        "{%- endfor %}",
        _stripped,
    ),
}


def pieces(name, turns):
    """(text, number of the turn, whether it is learnt) in order."""
    part = TEMPLATES[name][1]
    return [
        (text, number, learnt)
        for number, turn in enumerate(turns)
        for text, learnt in part(turn, number == len(turns) - 1)
        if text
    ]


def byte_level(template, **flags):
    """Byte-level BPE; `flags` are those of the control tokens (special, lstrip, rstrip, single_word, normalized)."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    bpe.train_from_iterator(TEXTS, trainer)
    return _finished(bpe, template, **flags)


def lower_case(template, **flags):
    """As `byte_level`, of which the control tokens are looked for in lower case."""
    made = byte_level(template, **flags)
    made.backend_tokenizer.normalizer = normalizers.Lowercase()
    return made


def metaspace(template, **flags):
    """BPE that writes blanks as a character of their own, with one more before the text."""
    bpe = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.Metaspace(prepend_scheme="first"), decoders.Metaspace()
    alphabet = sorted(set("".join(TEXTS) + "abcdefghijklmnopqrstuvwxyz"))
    bpe.train_from_iterator(
        TEXTS,
        trainers.BpeTrainer(vocab_size=200, special_tokens=["<unk>"], initial_alphabet=alphabet, show_progress=False),
    )
    return _finished(bpe, template, **flags)


def words(template, **flags):
    """Whole words; blanks are dropped."""
    level = Tokenizer(models.WordLevel({"<unk>": 0, "river": 1, "stone": 2, "one": 3}, unk_token="<unk>"))
    level.pre_tokenizer = pre_tokenizers.Whitespace()
    return _finished(level, template, **flags)


def _finished(backend, template, special=True, **flags):
    made = PreTrainedTokenizerFast(tokenizer_object=backend, clean_up_tokenization_spaces=False)
    made.add_special_tokens({"eos_token": AddedToken(END_OF_TEXT, special=True, normalized=False)})
    made.add_tokens(
        [AddedToken(token, special=special, **({"normalized": False} | flags)) for token in CONTROL], special
    )
    made.chat_template = TEMPLATES[template][0] if template in TEMPLATES else template
    return made
