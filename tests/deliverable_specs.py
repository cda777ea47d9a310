"""Specs of deliverables with real parts: shipped templates, a logo, and voices and music of this machine."""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from adapters.presets.templates import load_templates
from manifests.finish.asset import Asset
from manifests.finish.brand import BrandKit
from manifests.finish.spec import DeliverableSpec, Shot
from manifests.placements.preset import FrameSize, PlacementPreset

RED, BLUE = "#e5322d", "#0057ff"


class Assets:
    """An asset store in a folder: ``add`` returns the asset, and calling it returns the path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, asset: Asset) -> Path:
        return self.folder / f"{asset.sha256}{Path(asset.name).suffix}"

    def add(self, name: str, data: bytes, media_type: str) -> Asset:
        asset = Asset(name=name, sha256=hashlib.sha256(data).hexdigest(), media_type=media_type)
        self(asset).write_bytes(data)
        return asset

    def brand(self) -> BrandKit:
        """A brand with a blue logo."""
        logo = self.add("logo.png", logo_png(), "image/png")
        return BrandKit(name="Kaffee Nord", logos={"default": logo}, colours={"primary": RED, "background": "#ffffff"})


def logo_png() -> bytes:
    image = Image.new("RGBA", (400, 160), (0, 0, 0, 0))
    ImageDraw.Draw(image).rounded_rectangle((0, 0, 399, 159), 40, fill=BLUE)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def preset(**limits: Any) -> PlacementPreset:
    sizes = {"16:9": FrameSize(width=1280, height=720), "9:16": FrameSize(width=720, height=1280)}
    return PlacementPreset(name="test", title="Test", sizes=sizes, **limits)


def spec(assets: Assets, template: str = "clean", **fields: Any) -> DeliverableSpec:
    """A spec for one master; ``fields`` replace the defaults."""
    default = {
        "campaign_id": "c" * 32,
        "brief_id": "b" * 32,
        "placement": "16:9",
        "aspect_ratio": "16:9",
        "preset": preset(),
        "shots": (Shot(variant_id="0" * 32, sha256="0" * 64),),
        "width": 640,
        "height": 360,
        "template": load_templates()[template],
        "brand": assets.brand(),
        "texts": (("cta", "Shop now"),),
        "locale": "en",
    }
    return DeliverableSpec(**(default | fields))


def moving_master(number: int = 48, size: tuple[int, int] = (640, 360)) -> np.ndarray:
    """A disc that moves over a soft ramp: uint8 (n, height, width, 3)."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    ramp = np.stack([60 + 80 * x / width, 90 + 60 * y / height, np.full_like(x, 110.0, dtype=float)], axis=-1)
    frames = np.broadcast_to(ramp, (number, height, width, 3)).astype(np.uint8)
    for index in range(number):
        centre = width * (0.3 + 0.4 * index / number)
        frames[index][(x - centre) ** 2 + (y - height / 2) ** 2 < (height / 6) ** 2] = (240, 200, 60)
    return frames
