"""A stand-in for making and signing deliverables: a short real video, made in milliseconds."""

import hashlib
import shutil
from pathlib import Path

import numpy as np

from adapters.c2pa.signer import Signed
from adapters.media.video import encode
from manifests.errors import FinishError
from manifests.finish.deliverable import FinishedFile
from manifests.finish.spec import DeliverableSpec
from tasks.finish.workspace import SRT, VIDEO


def make(spec: DeliverableSpec, masters, find_asset, folder: Path) -> FinishedFile:
    """Write a video of four frames whose colour depends on the spec; a CTA "broken" cannot be made."""
    if dict(spec.texts).get("cta") == "broken":
        raise FinishError('The text "broken" does not fit its box. Shorten it.')
    assert all(path.is_file() for path in masters)
    shade = int(spec.deliverable_id[:2], 16)
    encode(np.full((4, spec.height, spec.width, 3), shade, dtype=np.uint8), 8, folder / VIDEO)
    (folder / SRT).write_text("1\n00:00:00,000 --> 00:00:00,500\nBuy\n")
    return FinishedFile(
        sha256=sha256_of(folder / VIDEO),
        size=(folder / VIDEO).stat().st_size,
        width=spec.width,
        height=spec.height,
        num_frames=4,
        fps="8",
        duration_s=0.5,
        sidecars={"srt": sha256_of(folder / SRT)},
    )


def sign(resources, signer, lease, source: Path, poster: Path, masters, folder: Path) -> Signed:
    """Copy the file with a fake signature at its end."""
    assert poster.is_file()
    assert all(path.is_file() for path in masters)
    clip, sidecar = folder / "clip.mp4", folder / "clip.c2pa"
    shutil.copyfile(source / VIDEO, clip)
    with clip.open("ab") as out:
        out.write(lease.attempt.to_bytes(4, "big"))  # every signature differs, as real ones do
    sidecar.write_bytes(b"credential")
    return Signed(clip, sha256_of(clip), clip.stat().st_size, sidecar, sha256_of(sidecar), "urn:c2pa:1", "2026")


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
