"""Read a JSON file of a model folder within limits of size and memory."""

import json
import os
import stat
from pathlib import Path
from typing import Any

from models.weights.refusal import RefusedFileError, shown

MB = 1_000_000
LARGE = {"tokenizer.json": 64 * MB, "vocab.json": 16 * MB, "added_tokens.json": 16 * MB}
"""Maximum sizes of files that list a vocabulary: Gemma's tokenizer.json has 33 MB."""
INDEX, OTHERS = 16 * MB, 4 * MB
MAX_CONTAINERS = 4_000_000
"""Lists and objects of one file; each takes about 60 bytes of memory."""


def read_json(path: Path, name: str) -> dict[str, Any]:
    """Return the object in a JSON file.

    Args:
        name: how the messages call the file.

    Raises:
        RefusedFileError: the file is missing, too large, nested too deeply, or not a JSON object.
    """
    content = read_bytes(path, name, _limit(path.name))
    return parse_json(content, name)


def parse_json(content: bytes | str, name: str) -> dict[str, Any]:
    """Return the object that a JSON text describes; see read_json."""
    raw = content.encode() if isinstance(content, str) else content
    if raw.count(b"[") + raw.count(b"{") > MAX_CONTAINERS:
        raise RefusedFileError(
            f"{shown(name)} contains more than {MAX_CONTAINERS:,} lists and objects; download it again"
        )
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RefusedFileError(
            f"{shown(name)} is missing or damaged: it is not valid JSON; download it again"
        ) from error
    if not isinstance(parsed, dict):
        raise RefusedFileError(f"{shown(name)} is missing or damaged: it is not a JSON object; download it again")
    return parsed


def read_bytes(path: Path, name: str, limit: int) -> bytes:
    """Return the content of a regular file of at most this many bytes; a pipe is never waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise RefusedFileError(f"{shown(name)} is missing or damaged; download it again") from error
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise RefusedFileError(f"{shown(name)} is not a regular file; remove it")
        content = file.read(limit + 1) if found.st_size <= limit else b""
    if found.st_size > limit or len(content) > limit:
        raise RefusedFileError(
            f"{shown(name)} has {found.st_size / MB:,.0f} MB, but at most {limit / MB:.0f} MB are read; download it "
            "again"
        )
    return content


def _limit(name: str) -> int:
    if ".safetensors.index" in name or ".bin.index" in name:
        return INDEX
    return LARGE.get(name, OTHERS)
