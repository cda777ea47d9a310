"""Check the header of a safetensors file against the file, without reading tensors.

Layout: eight bytes (length of the header, little endian), the header as JSON, the tensors without gaps.
https://huggingface.co/docs/safetensors
"""

import json
import os
import stat
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from models.weights.refusal import RefusedFileError, shown

HEADER_LIMIT = 10_000_000
"""Bytes. The headers of the largest single files of published models have about one million."""
MAX_TENSORS = 100_000
MAX_RANK = 8
MAX_SIDE = 2**40
BITS = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}  # fmt: skip
ENTRY = {"dtype", "shape", "data_offsets"}
NOT_SAFETENSORS = "is not a safetensors file (a git-lfs pointer, a pickle, or truncated); download it again"


class Header(NamedTuple):
    """The header of a safetensors file.

    Attributes:
        shapes: by name of the tensor.
        size: bytes of the whole file.
    """

    shapes: dict[str, tuple[int, ...]]
    metadata: dict[str, str]
    size: int


def read_header(path: Path, name: str) -> Header:
    """Return the header of a file.

    Raises:
        RefusedFileError: the header is damaged, describes other tensors than the file contains, or exceeds a limit.
    """
    size, length, content = _read(path, name)
    tensors = _parsed(content, name)
    metadata = tensors.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise RefusedFileError(f"{shown(name)} has metadata that are not text; download it again")
    if len(tensors) > MAX_TENSORS:
        raise RefusedFileError(f"{shown(name)} lists {len(tensors):,} tensors, but at most {MAX_TENSORS:,} are allowed")
    end = _check_tensors(tensors, name)
    if size != 8 + length + end:
        raise RefusedFileError(
            f"{shown(name)} is truncated or has extra data ({size:,} of {8 + length + end:,} bytes); download it again"
        )
    return Header({tensor: tuple(entry["shape"]) for tensor, entry in tensors.items()}, metadata, size)


def _read(path: Path, name: str) -> tuple[int, int, bytes]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise RefusedFileError(f"{shown(name)} cannot be read; download it again") from error
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        length = int.from_bytes(file.read(8), "little") if stat.S_ISREG(found.st_mode) else 0
        if length > HEADER_LIMIT and length <= found.st_size:
            raise RefusedFileError(
                f"{shown(name)} has a header of {length:,} bytes, but at most {HEADER_LIMIT:,} are read; download it "
                "again"
            )
        content = file.read(length) if 0 < length <= found.st_size - 8 else b""
    if not content.startswith(b"{"):
        raise RefusedFileError(f"{shown(name)} {NOT_SAFETENSORS}")
    return found.st_size, length, content


def _parsed(content: bytes, name: str) -> dict[str, Any]:
    try:
        tensors = json.loads(content, object_pairs_hook=_unique)
    except _DuplicateKeyError as error:
        raise RefusedFileError(f"{shown(name)} lists {shown(error)} twice; download it again") from error
    except (ValueError, RecursionError) as error:
        raise RefusedFileError(f"{shown(name)} {NOT_SAFETENSORS}") from error
    if not isinstance(tensors, dict):
        raise RefusedFileError(f"{shown(name)} {NOT_SAFETENSORS}")
    return tensors


class _DuplicateKeyError(ValueError):
    """Two keys of an object are the same."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _DuplicateKeyError(key)
        found[key] = value
    return found


def _check_tensors(tensors: dict[str, Any], name: str) -> int:
    """Check each tensor and that they follow each other; return where the last one ends."""
    spans = sorted(_span(entry, tensor, name) for tensor, entry in tensors.items())
    end = 0
    for start, stop in spans:
        if start != end:
            raise RefusedFileError(f"{shown(name)} has tensors that overlap or leave gaps; download it again")
        end = stop
    return end


def _span(entry: Any, tensor: str, name: str) -> tuple[int, int]:
    """Return the tensor's start and end, if they agree with its shape and type."""
    try:
        shape, (start, stop), bits = entry["shape"], entry["data_offsets"], BITS[entry["dtype"]]
        whole = all(type(each) is int and 0 <= each <= MAX_SIDE for each in (*shape, start, stop))
        good = whole and entry.keys() == ENTRY and len(shape) <= MAX_RANK and isinstance(shape, list)
    except (TypeError, ValueError, KeyError, AttributeError):
        good = False
    if not good or start > stop or prod(shape) * bits != (stop - start) * 8:
        raise RefusedFileError(
            f"{shown(name)} describes the tensor {shown(tensor)} with a wrong type, shape or offset; download it again"
        )
    return start, stop
