"""Results of two validators for tampered clips: every row of the table, for both validators.

Ours (c2pa-python, through `adapters.c2pa.verifier`) and an independent one (encypher-c2pa).
"""

import hashlib
import struct
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import av
import pytest
from credentials import (
    Authority,
    boxes,
    clip_bytes,
    definition,
    failures,
    files,
    pem,
    second_opinion,
    stripped,
)

from adapters.c2pa.signer import KeyFile, open_signer
from adapters.c2pa.verifier import verify

HASH = "assertion.bmffHash.mismatch"


OURS, OTHERS = Authority("Ours"), Authority("Others")


class Scene(NamedTuple):
    """A signed clip, and the material that a forger could use."""

    original: bytes
    sha256: str
    anchors: str
    another_clip: bytes
    by_others: bytes
    expired: bytes


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("scene")
    ours = KeyFile(*OURS.write(folder / "ours"))
    original = sign(folder, ours)
    start = time.monotonic()
    expired = sign(folder, KeyFile(*OURS.write(folder / "expiring", end=timedelta(seconds=4))))
    another = sign(folder, ours, num_frames=9)
    by_others = sign(folder, KeyFile(*OTHERS.write(folder / "others")))
    time.sleep(max(0.0, start + 5.2 - time.monotonic()))
    digest = hashlib.sha256(original).hexdigest()
    return Scene(original, digest, pem(OURS.root).decode(), another, by_others, expired)


def sign(folder: Path, source: KeyFile, num_frames: int = 12) -> bytes:
    paths = files(folder)
    paths.clip.write_bytes(clip_bytes(num_frames))
    with open_signer(source) as signer:
        signer.sign(paths.clip, paths.poster, definition(), paths.out, paths.sidecar)
    return paths.out.read_bytes()


def flip(data: bytes, position: int) -> bytes:
    changed = bytearray(data)
    changed[position] ^= 0x01
    return bytes(changed)


def flip_in_box(kind: str) -> Callable[[Scene], bytes]:
    def change(scene: Scene) -> bytes:
        start, end = next((start, end) for found, start, end in boxes(scene.original) if found == kind)
        return flip(scene.original, (start + end) // 2)

    return change


def flip_in_text(text: bytes) -> Callable[[Scene], bytes]:
    """Return a change of one letter of a statement that occurs once in the file."""

    def change(scene: Scene) -> bytes:
        assert scene.original.count(text) == 1
        return flip(scene.original, scene.original.index(text))

    return change


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def append(more: bytes) -> Callable[[Scene], bytes]:
    return lambda scene: scene.original + more


def insert_box(scene: Scene) -> bytes:
    start = next(start for kind, start, _ in boxes(scene.original) if kind == "mdat")
    return scene.original[:start] + box(b"mdat", bytes(24)) + scene.original[start:]


def swap_manifests(scene: Scene) -> bytes:
    return b"".join(
        (scene.another_clip if kind == "uuid" else scene.original)[start:end]
        for kind, start, end in boxes(scene.original)
    )


def remux(scene: Scene) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "remuxed.mp4")
        with av.open(BytesIO(scene.original)) as source, av.open(path, "w") as target:
            stream = target.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    target.mux(packet)
        return path.read_bytes()


class Row(NamedTuple):
    """A change, and the state and failure codes that each validator reports."""

    change: Callable[[Scene], bytes]
    ours: str
    our_codes: set[str]
    theirs: str
    their_codes: set[str]


def mismatch(change: Callable[[Scene], bytes], code: str = HASH) -> Row:
    return Row(change, "invalid", {code}, "Invalid", {code})


TABLE = {
    "nothing": Row(lambda scene: scene.original, "trusted", set(), "Trusted", set()),
    "flip in mdat": mismatch(flip_in_box("mdat")),
    "flip in moov": mismatch(flip_in_box("moov")),
    "append zeros": mismatch(append(bytes(64))),
    "append a uuid": mismatch(append(box(b"uuid", bytes(40)))),
    "append an mdat": mismatch(append(box(b"mdat", bytes(40)))),
    "insert a box": mismatch(insert_box),
    "swap manifests": mismatch(swap_manifests),
    "truncate": Row(lambda scene: scene.original[:-100], "invalid", {HASH}, "error", set()),
    "flip in an assertion": mismatch(flip_in_text(b"prompt_guided"), "assertion.hashedURI.mismatch"),
    "flip in the claim": mismatch(flip_in_text(b"Spring: a red ball"), "claimSignature.mismatch"),
    "strip the box": Row(lambda scene: stripped(scene.original), "absent", set(), "absent", set()),
    "remux": Row(remux, "absent", set(), "absent", set()),
    "signed again by another CA": Row(
        lambda scene: scene.by_others,
        "valid",
        {"signingCredential.untrusted"},
        "Valid",
        {"signingCredential.untrusted"},
    ),
    "expired, no timestamp": Row(
        lambda scene: scene.expired,
        "invalid",
        {"signingCredential.expired", "signingCredential.untrusted"},
        "Valid",
        {"claimSignature.outsideValidity", "signingCredential.untrusted"},
    ),
    "append a free box": Row(append(box(b"free", b"hidden")), "trusted", set(), "Trusted", set()),
}


def opinion(path: Path, anchors: str) -> tuple[str, set[str]]:
    """Return the state and failure codes of the independent validator."""
    try:
        report = second_opinion(path, anchors)
    except ValueError:
        return "error", set()
    return (report["validation_state"] if report["present"] else "absent"), failures(report)


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
def test_tampered_clips_are_detected(scene: Scene, tmp_path: Path, row: Row):
    path = tmp_path / "clip.mp4"
    path.write_bytes(row.change(scene))
    report = verify(path, scene.anchors)
    assert (report.state, {finding.code for finding in report.findings}) == (row.ours, row.our_codes)
    assert opinion(path, scene.anchors) == (row.theirs, row.their_codes)
    # The hash of the whole published file detects changes that a credential cannot detect.
    untouched = path.read_bytes() == scene.original
    assert verify(path, scene.anchors, sha256=scene.sha256).state == ("trusted" if untouched else "invalid")
