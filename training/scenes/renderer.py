"""Draw a scene as a procedural clip. All weights of the starter are trained on these clips."""

import numpy as np

from training.scenes import fields, shapes
from training.scenes.motion import Path, sample_path
from training.scenes.scene import COLOURS, NUM_FRAMES, OBJECTS, Scene

COLOUR_JITTER = 6
FOCUS = 2.4
"""Width of an edge in pixels. Edges of one pixel would cause most of the error of an autoencoder with 16x16 pixels
per latent, and the difference is invisible at this size."""


def place(path: Path, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return each pixel's coordinates relative to the motif: two arrays (frames, height, width), in short sides."""
    short = min(height, width)
    x = ((np.arange(width) - (width - 1) / 2) / short)[None, None, :] - path.x[:, None, None]
    y = ((np.arange(height) - (height - 1) / 2) / short)[None, :, None] - path.y[:, None, None]
    cosine = (np.cos(path.angle) / path.scale)[:, None, None]
    sine = (np.sin(path.angle) / path.scale)[:, None, None]
    return (x * cosine + y * sine).astype(np.float32), (y * cosine - x * sine).astype(np.float32)


def distance(scene: Scene, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the signed distance to the foreground in short sides of the frame, negative inside."""
    if scene.motif in OBJECTS:
        return shapes.OUTLINES[scene.motif](x, y)
    if scene.motif in fields.SCATTERS:
        return fields.scatter(scene.motif, x, y, rng)
    if scene.motif in ("stripes", "gradient"):
        upright = scene.motion not in ("drifting up", "drifting down")
        x = (x if upright else y) + rng.uniform(-0.2, 0.2)
    return fields.BANDS[scene.motif](x, y)


def coverage(scene: Scene, path: Path, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Return the share of foreground in each pixel: (frames, height, width), 0 to 1."""
    x, y = place(path, height, width)
    pixel = 1.0 / min(height, width)
    edge = fields.EDGES.get(scene.motif, FOCUS * pixel / path.scale.mean())
    ramp = np.clip(0.5 - distance(scene, x, y, rng) / edge, 0.0, 1.0)
    return ramp.astype(np.float32)


def jittered(colour: str, rng: np.random.Generator) -> np.ndarray:
    """Return the RGB colour, 0 to 255, with a small random offset from the palette."""
    offset = rng.uniform(-COLOUR_JITTER, COLOUR_JITTER, 3)
    return np.clip(np.add(COLOURS[colour], offset), 0, 255).astype(np.float32)


def render(
    scene: Scene, height: int, width: int, rng: np.random.Generator, num_frames: int = NUM_FRAMES, first: int = 0
) -> np.ndarray:
    """Return frames `first` to `first + num_frames` of a clip of the scene, uint8 (frames, height, width, 3)."""
    path = sample_path(scene.motion, rng)
    part = slice(first, first + num_frames)
    path = Path(path.x[part], path.y[part], path.scale[part], path.angle[part])
    amount = coverage(scene, path, height, width, rng)[..., None]
    background, foreground = jittered(scene.background, rng), jittered(scene.foreground, rng)
    return (background + amount * (foreground - background) + 0.5).astype(np.uint8)
