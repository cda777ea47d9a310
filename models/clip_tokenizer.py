"""CLIP's byte-pair tokenizer, built from the vocabulary that ships with open_clip, without importing torch."""

import gzip
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

START, END = "<|startoftext|>", "<|endoftext|>"
_MERGES = 49_152 - 256 - 2
"""Number of merges that CLIP uses: its vocabulary without the 256 bytes and the two special tokens (Radford et al.,
2021, https://github.com/openai/CLIP, ``simple_tokenizer.py``)."""
_WORDS = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


@cache
def clip_tokenizer() -> Tokenizer:
    """Return the tokenizer; it adds a start and an end token to a text."""
    merges = _merges()
    letters = pre_tokenizers.ByteLevel.alphabet()
    ordered = sorted(letters, key=_byte_order)
    tokens = [*ordered, *(f"{letter}</w>" for letter in ordered), *("".join(pair) for pair in merges), START, END]
    tokenizer = Tokenizer(
        models.BPE(
            vocab={token: place for place, token in enumerate(tokens)},
            merges=merges,
            end_of_word_suffix="</w>",
            unk_token=END,
        )
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.post_processor = processors.RobertaProcessing(
        (END, len(tokens) - 1), (START, len(tokens) - 2), add_prefix_space=False, trim_offsets=False
    )
    return tokenizer


def _merges() -> list[tuple[str, str]]:
    package = find_spec("open_clip")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("open_clip is not installed")
    with gzip.open(Path(package.origin).parent / "bpe_simple_vocab_16e6.txt.gz", "rt", encoding="utf-8") as lines:
        next(lines)  # the version of the format
        pairs = [line.split() for _, line in zip(range(_MERGES), lines, strict=False)]
    return [(first, second) for first, second in pairs]


def _byte_order(letter: str) -> tuple[bool, int]:
    """Sort printable bytes first, as in the published vocabulary."""
    return ord(letter) >= 256, ord(letter)
