"""Content hashes and slugs, the only source of ids and keys."""

import hashlib
import json
import re
import unicodedata
from typing import Any

ID_BYTES = 16


def canonical_json(value: Any) -> bytes:
    """Return the canonical byte string of a JSON value (RFC 8785 for strings, ints and plain floats).

    Keys are sorted, no white space, UTF-8, NFC. NaN and infinities raise ValueError.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return unicodedata.normalize("NFC", text).encode()


def content_id(value: Any) -> str:
    """Return the 128-bit BLAKE2b of the canonical JSON, as 32 hex digits."""
    return hashlib.blake2b(canonical_json(value), digest_size=ID_BYTES).hexdigest()


def slug(text: str, max_length: int = 40) -> str:
    """Return a slug of lower-case ``a-z0-9-`` for any text; it is never empty and never starts with a dash.

    Text without Latin letters and digits becomes a hash, so that two such names get different slugs.
    """
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", ascii_text.lower()).strip("-")[:max_length].strip("-")
    return words or "x" + hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=4).hexdigest()


def file_stem(text: str, max_length: int = 40) -> str:
    """Return a slug in which all scripts are spelled in Latin letters: ``Żółte`` is ``zolte``.

    Only for names of files that people download. Ids and keys use ``slug``, which must never change: another id would
    start a campaign again, and another key would publish its clips twice.
    """
    from anyascii import anyascii  # most commands write no such file

    return slug(text if text.isascii() else anyascii(text) or text, max_length)
