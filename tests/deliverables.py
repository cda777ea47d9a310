"""Masters, components and finished files for tests of deliverables."""

import io
import wave
from pathlib import Path
from typing import NamedTuple

from credentials import VARIANT, clip_bytes, definition, files, sign
from PIL import Image

from adapters.c2pa.signer import Signer
from manifests.finish.deliverable import Component, Edit, FinishedFile
from manifests.finish.design.template import FinishTemplate
from manifests.finish.spec import DeliverableSpec, Shot
from manifests.placements.preset import PlacementPreset

EDITS = (
    Edit(action="c2pa.cropped", description="The crop of 36 × 64 pixels follows the motion."),
    Edit(action="c2pa.resized", description="Scaled to 64 × 64 pixels."),
    Edit(action="c2pa.placed", component="logo", description="The logo was drawn at the top left."),
    Edit(action="c2pa.addedText", source_type="humanEdits", description="The call to action was drawn."),
    Edit(action="c2pa.placed", component="music", description="Music was mixed in at -14 LUFS.", agent="ACE-Step 1.5"),
    Edit(
        action="c2pa.placed",
        component="voice",
        description="The script was spoken.",
        agent="hibari-tts",
        agent_version="0.2.1",
    ),
    Edit(action="c2pa.edited", source_type="humanEdits", description="Captions were added."),
    Edit(action="c2pa.transcoded", description="Encoded as H.264."),
)
COMPONENTS = (
    Component(name="logo", title="acme.png", media_type="image/png", path="logo.png"),
    Component(name="music", title="bed.wav", media_type="audio/wav", path="music.wav", source_type="algorithmicMedia"),
    Component(
        name="voice", title="voice.wav", media_type="audio/wav", path="voice.wav", source_type="trainedAlgorithmicMedia"
    ),
)


class Made(NamedTuple):
    """A finished file that is not signed: its spec, its facts, and the folder with its files."""

    spec: DeliverableSpec
    finished: FinishedFile
    folder: Path
    masters: tuple[Path, ...]


def spec_of(*shots: Shot, **facts: object) -> DeliverableSpec:
    """Return a spec of these masters."""
    given = {
        "campaign_id": "spring-0123456789",
        "brief_id": "b1",
        "placement": "tiktok 9:16",
        "aspect_ratio": "9:16",
        "preset": PlacementPreset(name="tiktok", title="TikTok", sizes={}),
        "locale": "de",
        "shots": shots,
        "width": 64,
        "height": 64,
        "template": FinishTemplate(name="bold"),
    }
    return DeliverableSpec.model_validate(given | facts)


def master(signer: Signer, folder: Path, name: str = "master", seed: int = 7) -> tuple[Path, Shot]:
    """Sign a clip as a run does; return its file and the shot that names it."""
    variant = VARIANT._replace(seed=seed)
    paths = files(folder, name)
    signed = sign(signer, paths, definition(title=name, variant=variant, variant_id=variant.variant_id))
    return paths.out, Shot(variant_id=variant.variant_id, sha256=signed.sha256)


def made(signer: Signer, folder: Path, masters: int = 1, **facts: object) -> Made:
    """Write masters, components and a finished file."""
    signed = [master(signer, folder, f"master {number}", seed=number) for number in range(masters)]
    spec = spec_of(*(shot for _, shot in signed))
    target = folder / spec.deliverable_id
    target.mkdir(exist_ok=True)
    (target / "deliverable.mp4").write_bytes(clip_bytes(18))
    Image.new("RGB", (64, 64), (30, 200, 30)).save(target / "poster.jpg")
    Image.new("RGBA", (20, 10), (200, 30, 30, 90)).save(target / "logo.png")
    for name in ("music.wav", "voice.wav"):
        (target / name).write_bytes(silence())
    given = {
        "sha256": "0" * 64,
        "size": 1,
        "width": 64,
        "height": 64,
        "num_frames": 18,
        "fps": "24",
        "duration_s": 0.75,
        "edits": EDITS,
        "components": COMPONENTS,
    }
    finished = FinishedFile.model_validate(given | facts)
    return Made(spec, finished, target, tuple(path for path, _ in signed))


def silence(seconds: float = 0.5) -> bytes:
    """Return a WAV file."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(int(seconds * 16000) * 2))
    return data.getvalue()
