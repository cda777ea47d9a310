"""Decoding of a text file: by its byte order mark, as UTF-8, in the encoding that a person chose, or by detection.

A byte that cannot be decoded becomes a lone surrogate (U+DC00 + byte), so that only its row is lost.
"""

import codecs
import re
import unicodedata
from typing import NamedTuple

from adapters.sheets.text.detection import detect
from adapters.sheets.text.encodings import UTF_8, Encoding, encoding_of
from manifests.errors import UnreadableSheetError
from manifests.sheet.problem import shown
from manifests.sheet.reading import BadRow
from manifests.sheet.table import Row

_BOMS = {
    codecs.BOM_UTF8: UTF_8,
    codecs.BOM_UTF32_LE: Encoding("utf-32-le", "UTF-32", "utf-32"),
    codecs.BOM_UTF32_BE: Encoding("utf-32-be", "UTF-32", "utf-32"),
    codecs.BOM_UTF16_LE: Encoding("utf-16-le", "UTF-16", "utf-16"),
    codecs.BOM_UTF16_BE: Encoding("utf-16-be", "UTF-16", "utf-16"),
}
_DAMAGED = re.compile("[\udc00-\udcff]")
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_ESCAPES = (b"\x1b$B", b"\x1b$@", b"\x1b(J")
"""Sequences with which ISO-2022-JP changes between its character sets. All its bytes are ASCII."""
_AROUND = 24
"""Number of characters that are shown before and after a damaged byte."""
_CANDIDATES = 3
"""Number of readings that are shown if the encoding is ambiguous."""


class Decoded(NamedTuple):
    """A decoded text; damaged bytes are lone surrogates.

    Attributes:
        is_guess: whether the encoding was detected by statistics.
        is_choice: whether a person chose an encoding that differs from the detected one.
    """

    text: str
    encoding: Encoding
    is_guess: bool = False
    is_choice: bool = False


def decode(data: bytes, chosen: str = "") -> Decoded:
    """Decode a text file.

    Args:
        chosen: an encoding that a person named; empty to detect it.

    Raises:
        UnreadableSheetError: not text, an unknown encoding, or several encodings are plausible. The message continues
            after the file's name and has no full stop.
    """
    if not chosen:
        return _detected(data)
    encoding = encoding_of(chosen)
    text = _text(data, encoding).removeprefix("\ufeff")
    try:
        is_choice = _detected(data).text != text
    except UnreadableSheetError:
        is_choice = True
    return Decoded(text, encoding, is_choice=is_choice)


def _detected(data: bytes) -> Decoded:
    for bom, encoding in _BOMS.items():
        if data.startswith(bom):
            return Decoded(_text(data[len(bom) :], encoding), encoding)
    if wide := _utf_16(data):
        return Decoded(_text(data, wide), wide)
    text = _text(data, UTF_8)
    if any(escape in data for escape in _ESCAPES):
        japanese = encoding_of("iso-2022-jp")
        return Decoded(_text(data, japanese), japanese, is_guess=True)
    damaged = len(_DAMAGED.findall(text))
    if not damaged or damaged <= _usual_characters(data):
        return Decoded(text, UTF_8)
    if b"\0" in data:
        raise UnreadableSheetError("is a binary file, not a sheet. Save the sheet as XLSX or CSV")
    found = detect(data)
    if len(found) != 1:
        raise UnreadableSheetError(_ambiguous(data, found) if found else _NOT_DETECTED)
    return Decoded(_text(data, found[0]), found[0], is_guess=True)


_NOT_DETECTED = (
    "is not in UTF-8, and its encoding cannot be detected. Save it as CSV in UTF-8 or as XLSX, or name its encoding "
    "with --encoding"
)


def _utf_16(data: bytes) -> Encoding | None:
    """Return UTF-16 for text without a mark: every second byte of Latin text is zero, and hardly any of the others."""
    even, odd = data[:4096:2].count(0), data[1:4096:2].count(0)
    if max(even, odd) * 4 <= len(data[:4096]) or min(even, odd) * 20 > max(even, odd):
        return None
    return _BOMS[codecs.BOM_UTF16_LE] if odd > even else _BOMS[codecs.BOM_UTF16_BE]


def _usual_characters(data: bytes) -> int:
    """Return the number of sequences that are usual characters in UTF-8.

    In text of another encoding, they are rarer than bytes that are invalid in UTF-8.
    """
    return sum(_is_usual(found[0].decode("utf-8", "replace")) for found in _MULTIBYTE.finditer(data))


def _is_usual(text: str) -> bool:
    code = ord(text[0])
    if 0x180 <= code < 0x370 or 0x530 <= code < 0x590 or 0x700 <= code < 0x900:  # rare letters, lone accents
        return text in "ƠơƯưȘșȚțə"
    return not 0x1800 <= code < 0x1E00 and unicodedata.category(text[0])[0] != "C"  # Mongolian and other rare scripts


def _text(data: bytes, encoding: Encoding) -> str:
    return data.decode(encoding.codec, _MARKED)


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


_MARKED = "reelmill-mark-bytes"
codecs.register_error(_MARKED, _mark)


def _ambiguous(data: bytes, found: list[Encoding]) -> str:
    """Return the message that lists a line in each plausible encoding."""
    shown_encodings = found[:_CANDIDATES]
    number, line = _most_different(data, shown_encodings)
    samples = [
        f"'{shown(_text(line, encoding).strip())}' in {encoding.name} (--encoding {encoding.option})"
        for encoding in shown_encodings
    ]
    return (
        f"is not in UTF-8, and its encoding is ambiguous. Line {number} reads {', '.join(samples[:-1])} or "
        f"{samples[-1]}. Name the right one with --encoding, or save the sheet as CSV in UTF-8"
    )


def _most_different(data: bytes, encodings: list[Encoding]) -> tuple[int, bytes]:
    """Return the number and the bytes of the line that differs most between the two best encodings."""

    def differences(line: bytes) -> int:
        first, second = (_text(line, encoding) for encoding in encodings[:2])
        return sum(map(str.__ne__, first, second)) + abs(len(first) - len(second))

    lines = list(enumerate(re.split(rb"\r\n|\r|\n", data), 1))[:500]
    number, line = max(lines, key=lambda numbered: differences(numbered[1]))
    return number, line


def has_damage(row: Row) -> bool:
    """Return whether a row contains bytes that could not be decoded."""
    return any(_DAMAGED.search(cell) for cell in row.cells if not cell.isascii())


def damaged_row(row: Row, encoding: Encoding) -> BadRow:
    """Return the error of a row with bytes that could not be decoded."""
    cell = next(cell for cell in row.cells if _DAMAGED.search(cell))
    return BadRow(
        row.number,
        _around_damage(cell),
        f"contains a damaged character: its bytes are not valid in {encoding.name}. Type the character again, and save "
        "the sheet in UTF-8.",
    )


def _around_damage(text: str) -> str:
    found = _DAMAGED.search(text)
    place = found.start() if found else 0
    start, end = max(0, place - _AROUND), place + _AROUND
    return f"{'…' * (start > 0)}{spelled(text[start:end])}{'…' * (end < len(text))}"


def spelled(text: str) -> str:
    """Return the text with damaged bytes as ``<0xC3>``."""
    return _DAMAGED.sub(lambda found: f"<0x{ord(found[0]) - 0xDC00:02X}>", text)
