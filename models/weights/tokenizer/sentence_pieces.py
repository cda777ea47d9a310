"""Check a SentencePiece model: its table can replace a character by a long text, as that of a tokenizer.json can.

The format is a protocol buffer: https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
"""

from collections.abc import Iterator

from models.weights.refusal import RefusedFileError, shown
from models.weights.tokenizer.charsmap import longest_text
from models.weights.tokenizer.tokenizer_check import MAX_GROWTH

PIECES, TRAINER, NORMALIZER, SELF_TEST, DENORMALIZER = range(1, 6)
"""Fields of a model."""
NORMALIZER_FIELDS = {1: 2, 2: 2, 3: 0, 4: 0, 5: 0, 6: 2}
"""Wire types of the fields of a normalizer: name, table, three switches, and the rules as text, which are not read."""
TABLE = 2
MAX_SELF_TEST = 64_000
"""Bytes of texts that the library tokenizes when it loads the model."""
MAX_PARTS = 2_000_000
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class _DamagedError(ValueError):
    """These bytes are not a protocol buffer of the expected kind."""


def check_sentence_pieces(content: bytes, name: str) -> None:
    """Refuse a model whose table could expand a prompt greatly, and files of another format.

    Raises:
        RefusedFileError: says what is not allowed.
    """
    try:
        growth = _growth(memoryview(content))
    except _DamagedError as error:
        raise RefusedFileError(
            f"{shown(name)} is not a SentencePiece model, or is damaged: {error}; download it again"
        ) from error
    if growth > MAX_GROWTH:
        raise RefusedFileError(
            f"{shown(name)} has a table that makes a prompt up to {growth:,} times longer, but at most {MAX_GROWTH} "
            "times is allowed; download it again"
        )


def _growth(content: memoryview) -> int:
    longest, tested = 1, 0
    for field, wire, value in _fields(content):
        if wire != BYTES or not PIECES <= field <= DENORMALIZER:
            raise _DamagedError(f"it has the unknown field {field}")
        tested += len(value) if field == SELF_TEST else 0
        if field in (NORMALIZER, DENORMALIZER):
            longest = max(longest, _longest(value))
    if tested > MAX_SELF_TEST:
        raise _DamagedError(f"it tests itself with {tested:,} bytes, but at most {MAX_SELF_TEST:,} are read")
    return longest


def _longest(normalizer: memoryview) -> int:
    longest = 1
    for field, wire, value in _fields(normalizer):
        if NORMALIZER_FIELDS.get(field) != wire:
            raise _DamagedError(f"its normalizer has the unknown field {field}")
        if field == TABLE:
            longest = max(longest, longest_text(bytes(value)))
    return longest


def _fields(content: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Yield number, wire type and value of each field; that of a number is empty."""
    place, count = 0, 0
    while place < len(content):
        count += 1
        if count > MAX_PARTS:
            raise _DamagedError(f"it has more than {MAX_PARTS:,} parts")
        tag, place = _number(content, place)
        wire, size = tag & 7, 0
        if wire == VARINT:
            _, place = _number(content, place)
        elif wire == BYTES:
            size, place = _number(content, place)
        elif wire in (FIXED64, FIXED32):
            place += 8 if wire == FIXED64 else 4
        else:
            raise _DamagedError("it has a field of an unknown kind")
        if place + size > len(content):
            raise _DamagedError("it ends early")
        yield tag >> 3, wire, content[place : place + size]
        place += size


def _number(content: memoryview, place: int) -> tuple[int, int]:
    found = 0
    for shift in range(0, 70, 7):
        if place >= len(content):
            raise _DamagedError("it ends early")
        byte = content[place]
        place += 1
        found |= (byte & 0x7F) << shift
        if byte < 0x80:
            return found, place
    raise _DamagedError("it has a number that is too long")
