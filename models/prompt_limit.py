"""How much of a prompt a model reads, counted with its own tokenizer. Importing this module loads no torch."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from models.card import GeneratorCard, LocalCard, ModelCard, ScorerCard
from models.clip_tokenizer import clip_tokenizer
from models.weights import weights_path
from models.weights.config.open_clip_config import CONFIG
from models.weights.folder_check import MAX_VOCABULARY
from models.weights.json_file import parse_json, read_bytes, read_json
from models.weights.refusal import RefusedFileError
from models.weights.tokenizer.panics import panics_refused
from models.weights.tokenizer.sentence_pieces import check_sentence_pieces
from models.weights.tokenizer.tokenizer_check import check_tokenizer

CLIP_CONTEXT = 77
"""Context length of an OpenCLIP model whose configuration names none, as in open_clip."""
COUNTED = 2_000
"""Characters of a prompt that are counted, or 64 per token that the model reads; tokenizers may be slow."""
_WORD = re.compile(r"\S+")


class Spans(NamedTuple):
    """Where the tokens of a text begin.

    Attributes:
        starts: index of the first character of each token, without special tokens.
        special: number of special tokens that the tokenizer adds.
    """

    starts: list[int]
    special: int


class Length(NamedTuple):
    """The length of a prompt for one model.

    Attributes:
        tokens: number of tokens with special tokens; if ``is_exact`` is false, at least this many.
        limit: number of tokens that the model reads.
        lost: the end of the prompt that the model does not read; empty if it reads all.
        is_exact: whether the model's own tokenizer counted them.
    """

    tokens: int
    limit: int
    lost: str
    is_exact: bool


@dataclass(frozen=True, slots=True)
class PromptLimit:
    """The token limit of a card, with its tokenizer.

    Attributes:
        name: name of the card.
        limit: number of tokens that the model reads, special tokens included.
        spans: the tokenizer.
        is_exact: False if the tokenizer is not on this machine; words are counted instead. A word has one token or
            more, so everything reported as lost is lost, but more may be.
    """

    name: str
    limit: int
    spans: Callable[[str], Spans]
    is_exact: bool = True

    def measure(self, prompt: str) -> Length:
        """Return the length of a prompt and what is lost of it."""
        counted = prompt[: max(COUNTED, 64 * self.limit)]
        starts, special = self.spans(counted)
        room = max(self.limit - special, 0)
        lost = prompt[_start_of_word(prompt, starts[room]) :] if len(starts) > room else ""
        return Length(len(starts) + special, self.limit, lost, self.is_exact and counted == prompt)


def prompt_limit(card: GeneratorCard | ScorerCard, weights_root: Path | None = None) -> PromptLimit | None:
    """Return the token limit of a model or scorer; None if it is unknown or the model reads no prompt.

    The limits of hosted models are counted in characters instead, see ``HostedCard.max_prompt_chars``.

    The limit and the tokenizer come from the card or from its weights. Only the tokenizer's files are read.
    """
    if not isinstance(card, LocalCard):
        return None
    folder = weights_path(card, weights_root)
    limit = _limit(card, folder)
    if limit is None:
        return None
    spans = _tokenizer(card, folder)
    return PromptLimit(card.name, limit, spans or _words, spans is not None)


def _limit(card: LocalCard, folder: Path) -> int | None:
    if card.max_prompt_tokens is not None:
        return card.max_prompt_tokens
    if isinstance(card, ModelCard):
        length = card.call.get("max_sequence_length")
        return length if isinstance(length, int) else None
    if isinstance(card, ScorerCard):
        return _open_clip_text(folder).get("context_length", CLIP_CONTEXT)
    return None


def _tokenizer(card: LocalCard, folder: Path) -> Callable[[str], Spans] | None:
    if card.tokenizer == "clip":
        return _fast(None)
    if isinstance(card, ScorerCard):
        text = _open_clip_text(folder)
        if text and "hf_tokenizer_name" not in text:
            return _fast(None)
    for path in (folder / "tokenizer" / "tokenizer.json", folder / "tokenizer.json"):
        if path.is_file():
            return _fast(path)
    pieces = folder / "tokenizer" / "spiece.model"
    return _sentence_pieces(pieces) if pieces.is_file() else None


def _open_clip_text(folder: Path) -> dict[str, int]:
    """Return ``text_cfg`` of an open_clip folder; empty if there is none."""
    try:
        text: dict[str, int] = read_json(folder / CONFIG, CONFIG)["model_cfg"]["text_cfg"]
    except (RefusedFileError, KeyError, TypeError):
        return {}
    return text if isinstance(text, dict) else {}


@cache
def _fast(path: Path | None) -> Callable[[str], Spans] | None:
    """Return a tokenizer in the format of the library tokenizers; None for CLIP's own."""
    from tokenizers import Tokenizer

    what = f"The tokenizer in {path.parent}" if path else "The tokenizer of CLIP"
    try:
        with panics_refused(what):
            tokenizer = _checked(Tokenizer.from_buffer, path) if path else clip_tokenizer()
    except Exception:  # noqa: BLE001 - the library raises no other; the check of weights reports damaged files
        return None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    special = tokenizer.num_special_tokens_to_add(False)

    def spans(text: str) -> Spans:
        with panics_refused(what):
            return Spans([start for start, _ in tokenizer.encode(text, add_special_tokens=False).offsets], special)

    return spans


def _checked(make: Callable[[bytes], Any], path: Path) -> Any:
    """Make a tokenizer whose rules cannot exhaust memory; planning reads tokenizers before the check of weights."""
    content = read_bytes(path, path.name, MAX_VOCABULARY)
    check_tokenizer(parse_json(content, path.name), path.name)
    return make(content)


@cache
def _sentence_pieces(path: Path) -> Callable[[str], Spans] | None:
    """Return a SentencePiece tokenizer as T5 uses it: one end token is added."""
    from sentencepiece import SentencePieceProcessor

    try:
        content = read_bytes(path, path.name, MAX_VOCABULARY)
        check_sentence_pieces(content, path.name)
        processor = SentencePieceProcessor(model_proto=content)
    except (RefusedFileError, RuntimeError):
        return None

    def spans(text: str) -> Spans:
        offsets = processor.encode(text, out_type="offset_mapping")["offsets"]
        return Spans([start for start, _ in offsets], 1)

    return spans


def _words(text: str) -> Spans:
    return Spans([found.start() for found in _WORD.finditer(text)], 1)


def _start_of_word(text: str, index: int) -> int:
    """Return where the word at an index begins, or where it would begin if the index is a space."""
    if text[index : index + 1].isspace():
        return index + 1
    return max(text.rfind(space, 0, index) for space in " \n\t") + 1
