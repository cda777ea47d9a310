"""The content of a starter clip: the four choices of the grammar, and the held-out combinations."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np

COLOURS = {
    "red": (215, 35, 40),
    "orange": (250, 140, 25),
    "yellow": (252, 222, 55),
    "green": (35, 155, 65),
    "teal": (25, 190, 190),
    "blue": (30, 80, 215),
    "purple": (120, 45, 175),
    "pink": (248, 140, 190),
    "white": (246, 246, 246),
    "black": (18, 18, 22),
}
FIELDS = ("gradient", "bokeh", "particles", "snow", "waves", "stripes", "rings", "confetti")
OBJECTS = ("circle", "square", "triangle", "bottle", "cup", "shoe", "phone")
MOTIFS = FIELDS + OBJECTS
MOTIONS = (
    "drifting left",
    "drifting right",
    "drifting up",
    "drifting down",
    "zooming in",
    "zooming out",
    "rotating",
    "pulsing",
)
SIZES = ((96, 96), (96, 160), (160, 96))
NUM_FRAMES = 17
FPS = 8

UNSEEN = {("circle", "rotating"), ("rings", "rotating")}
"""Motions that are invisible with this motif. They are never rendered."""
MIN_CONTRAST = 110.0
"""Smallest Euclidean RGB distance between foreground and background."""
HELD_OUT_PERCENT = 10


@dataclass(frozen=True)
class Scene:
    """One combination. `None` means that the caption does not specify the part."""

    motif: str | None
    foreground: str | None
    background: str | None
    motion: str | None

    def without(self, *parts: str) -> "Scene":
        return replace(self, **dict.fromkeys(parts))


def contrast(foreground: str, background: str) -> float:
    """Return the Euclidean RGB distance, 0 to 441."""
    return float(np.linalg.norm(np.subtract(COLOURS[foreground], COLOURS[background])))


def is_drawable(scene: Scene) -> bool:
    visible = (scene.motif, scene.motion) not in UNSEEN
    return visible and contrast(scene.foreground, scene.background) >= MIN_CONTRAST


def is_held_out(scene: Scene) -> bool:
    """Return True for a tenth of the combinations, chosen by hash, which are excluded from all training."""
    words = "|".join((scene.motif, scene.foreground, scene.background, scene.motion))
    return int(hashlib.blake2b(words.encode(), digest_size=4).hexdigest(), 16) % 100 < HELD_OUT_PERCENT


def sample_scene(rng: np.random.Generator, held_out: bool = False) -> Scene:
    """Draw a complete scene uniformly from the training or the held-out combinations."""
    names = list(COLOURS)
    while True:
        scene = Scene(
            motif=MOTIFS[rng.integers(len(MOTIFS))],
            foreground=names[rng.integers(len(names))],
            background=names[rng.integers(len(names))],
            motion=MOTIONS[rng.integers(len(MOTIONS))],
        )
        if is_drawable(scene) and is_held_out(scene) == held_out:
            return scene
