"""Restore a stripped credential of a video from its ``.c2pa`` sidecar."""

import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

C2PA_BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
IN_MEMORY = 16 * 2**20


@contextmanager
def restore_sidecar(file: BinaryIO, store: bytes) -> Iterator[BinaryIO]:
    """Yield a copy with the manifest store after ``ftyp``, where the signer puts it.

    The hash of a video depends on the positions of its boxes, so a store does not validate against a file from which
    it was removed. Layout of the box: C2PA 2.4, A.5.1.
    """
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as whole:
        file.seek(0)
        whole.write(file.read(_first_box_size(file)))
        whole.write(_box(store))
        shutil.copyfileobj(file, whole)
        whole.seek(0)
        yield cast(BinaryIO, whole)


def _first_box_size(file: BinaryIO) -> int:
    size, kind = struct.unpack(">I4s", file.read(8).ljust(8, b"\0"))
    file.seek(0)
    return size if kind == b"ftyp" else 0


def _box(store: bytes) -> bytes:
    content = C2PA_BOX + bytes(4) + b"manifest\0" + struct.pack(">Q", 0) + store
    return struct.pack(">I4s", 8 + len(content), b"uuid") + content
