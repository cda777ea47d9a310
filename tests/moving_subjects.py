"""Synthetic clips with one subject whose place is known, for tests of reframing."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

FPS = 24


class Scene(NamedTuple):
    """A clip that can be drawn.

    Attributes:
        width, height: in pixels.
        seconds: length.
        motion: ``across``, ``back and forth``, ``stops``, ``starts late``, ``bounces``, ``still`` or ``dashes``.
        shape: ``ball``, ``box`` or ``person``.
        camera: ``still``, ``pans``, ``shakes`` or ``zooms``.
        distractors: number of bright things that do not move against the background.
        vertical: whether the subject moves from top to bottom.
        seed: of colours, textures and places.
    """

    width: int = 640
    height: int = 360
    seconds: float = 4.0
    motion: str = "across"
    shape: str = "ball"
    camera: str = "still"
    distractors: int = 0
    vertical: bool = False
    seed: int = 0


MOTIONS = ("across", "back and forth", "stops", "starts late", "bounces", "still", "dashes")
SHAPES = ("ball", "box", "person")
CAMERAS = ("still", "pans", "shakes", "zooms")


class Drawn(NamedTuple):
    """Frames, uint8 (n, height, width, 3), RGB, and the subject's box in each: x0, y0, x1, y1 in pixels."""

    frames: np.ndarray
    boxes: np.ndarray


def random_scene(seed: int, *, tall: bool = False) -> Scene:
    """Return any scene; the same seed gives the same one."""
    random = np.random.default_rng(seed)
    size = (360, 640) if tall else (640, 360)
    return Scene(
        *size,
        seconds=float(random.uniform(3, 5)),
        motion=str(random.choice(MOTIONS)),
        shape=str(random.choice(SHAPES)),
        camera=str(random.choice(CAMERAS)),
        distractors=int(random.integers(0, 4)),
        vertical=tall,
        seed=seed,
    )


def draw(scene: Scene) -> Drawn:
    """Draw all frames."""
    random = np.random.default_rng(scene.seed)
    background = _background(scene, random)
    subject = _subject(scene, random)
    count = round(scene.seconds * FPS)
    places = _places(scene, subject.shape[:2], count, random)
    grain = random.normal(0, 1.5, background.shape).astype(np.float32)
    frames, boxes = [], []
    for index, (x, y) in enumerate(places):
        frame = _seen(background, scene, index / max(count - 1, 1), random)
        box = _paste(frame, subject, x, y)
        row, column = random.integers(0, (scene.height // 2, scene.width // 2))
        noise = grain[row : row + scene.height, column : column + scene.width]
        frames.append(np.clip(frame + noise, 0, 255).astype(np.uint8))
        boxes.append(box)
    return Drawn(np.stack(frames), np.array(boxes, float))


def share_inside(boxes: np.ndarray, centres: np.ndarray, window: tuple[float, float], size: tuple[int, int]) -> float:
    """Return how much of the subject is inside the crop, averaged over the frames, 0..1.

    Args:
        boxes: x0, y0, x1, y1 in pixels.
        centres: x and y as fractions of the master.
        window: width and height of the crop in pixels.
        size: width and height of the master.
    """
    shares = np.ones(len(boxes))
    for axis in (0, 1):
        start = centres[:, axis] * size[axis] - window[axis] / 2
        low, high = boxes[:, axis], boxes[:, axis + 2]
        shown = np.minimum(high, start + window[axis]) - np.maximum(low, start)
        shares *= np.clip(shown / np.maximum(high - low, 1e-6), 0, 1)
    return float(shares.mean())


def _background(scene: Scene, random: np.random.Generator) -> np.ndarray:
    """Return a picture larger than the frame: clouds of muted colours, and some distractors."""
    height, width = int(scene.height * 1.5), int(scene.width * 1.5)
    first, second = random.uniform(50, 190, 3), random.uniform(50, 190, 3)
    clouds = sum(_noise(height, width, cells, random) * weight for cells, weight in ((4, 0.5), (12, 0.3), (48, 0.2)))
    picture = first + (second - first) * clouds[..., None] + 25 * (_noise(height, width, 90, random)[..., None] - 0.5)
    for _ in range(scene.distractors):
        size = int(random.uniform(0.05, 0.11) * min(scene.width, scene.height))
        x, y = int(random.uniform(0, width - size)), int(random.uniform(0, height - size))
        picture[y : y + size, x : x + size] = random.uniform(0, 255, 3)
    return picture.astype(np.float32)


def _noise(height: int, width: int, cells: int, random: np.random.Generator) -> np.ndarray:
    """Return smooth noise, 0..1, by linear interpolation of a grid."""
    grid = random.random((cells + 1, cells + 1))
    rows, columns = np.linspace(0, cells, height), np.linspace(0, cells, width)
    along = np.stack([np.interp(columns, np.arange(cells + 1), line) for line in grid])
    return np.stack([np.interp(rows, np.arange(cells + 1), along[:, index]) for index in range(width)], axis=1)


def _subject(scene: Scene, random: np.random.Generator) -> np.ndarray:
    """Return a picture with alpha, float32 (h, w, 4)."""
    side = int(random.uniform(0.2, 0.45) * min(scene.width, scene.height))
    height, width = (side, round(side / 1.9)) if scene.shape == "person" else (side, side)
    rows, columns = np.mgrid[0:height, 0:width]
    v, u = (rows + 0.5) / height * 2 - 1, (columns + 0.5) / width * 2 - 1
    inside = {
        "ball": u**2 + v**2 < 1,
        "box": np.ones_like(u, bool),
        "person": ((u**2 + ((v + 0.7) * 3.2) ** 2) < 0.4) | ((np.abs(u) < 0.85) & (v > -0.5)),
    }[scene.shape]
    colour = random.uniform(0, 255, 3)
    texture = colour + 90 * (_noise(height, width, 6, random)[..., None] - 0.5)
    return np.concatenate([np.clip(texture, 0, 255), inside[..., None] * 1.0], axis=2).astype(np.float32)


def _places(scene: Scene, shape: tuple[int, int], count: int, random: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Yield the top left corner of the subject in each frame."""
    height, width = shape
    room_x, room_y = scene.width - width, scene.height - height
    flip, other, phase = random.random() < 0.5, random.uniform(0.1, 0.9), random.uniform(0, 6)
    for index in range(count):
        along = _progress(scene.motion, index / max(count - 1, 1), other)
        along = 1 - along if flip else along
        sway = other + 0.08 * np.sin(index / 9 + phase)
        x, y = (sway, along) if scene.vertical else (along, sway)
        yield int(np.clip(x, 0, 1) * room_x), int(np.clip(y, 0, 1) * room_y)


def _progress(motion: str, time: float, other: float) -> float:
    """Return the place along the main direction, 0..1, at a time, 0..1."""
    ease = 0.5 - 0.5 * np.cos(np.pi * time)
    return float(
        {
            "across": 0.02 + 0.96 * ease,
            "back and forth": 0.5 + 0.45 * np.sin(2 * np.pi * time),
            "stops": min(0.05 + 1.5 * time, 0.8),
            "starts late": 0.15 + max(0.0, time - 0.5) * 1.5,
            "bounces": 0.3 + 0.25 * abs(np.sin(3 * np.pi * time)),
            "still": other,
            "dashes": 0.1 if time < 0.45 else min(0.1 + (time - 0.45) * 5, 0.85),
        }[motion]
    )


def _seen(background: np.ndarray, scene: Scene, time: float, random: np.random.Generator) -> np.ndarray:
    """Return the part of the background that the camera shows."""
    spare_x, spare_y = background.shape[1] - scene.width, background.shape[0] - scene.height
    x, y = spare_x // 2, spare_y // 2
    if scene.camera == "pans":
        x = int(spare_x * time)
    if scene.camera == "shakes":
        x, y = x + int(random.integers(-3, 4)), y + int(random.integers(-3, 4))
    if scene.camera == "zooms":
        scale = 1.4 - 0.35 * time
        rows = (np.arange(scene.height) - scene.height / 2) * scale + background.shape[0] / 2
        columns = (np.arange(scene.width) - scene.width / 2) * scale + background.shape[1] / 2
        return background[rows.astype(int)][:, columns.astype(int)].copy()
    return background[y : y + scene.height, x : x + scene.width].copy()


def _paste(frame: np.ndarray, subject: np.ndarray, x: int, y: int) -> tuple[int, int, int, int]:
    height, width = subject.shape[:2]
    part, alpha = frame[y : y + height, x : x + width], subject[..., 3:]
    part[:] = part * (1 - alpha) + subject[..., :3] * alpha
    return x, y, x + width, y + height
