"""Contact sheets: one picture with a row of frames for each clip."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

LABEL = 14


def row(clip: np.ndarray, label: str, columns: int) -> np.ndarray:
    """Return evenly spaced frames of a uint8 clip (frames, height, width, 3) below a label."""
    picks = np.linspace(0, len(clip) - 1, min(columns, len(clip))).round().astype(int)
    picture = np.concatenate([np.pad(clip[i], ((1, 1), (1, 1), (0, 0))) for i in picks], axis=1)
    strip = Image.new("RGB", (picture.shape[1], LABEL), "white")
    ImageDraw.Draw(strip).text((2, 1), label, fill="black")
    return np.concatenate([np.asarray(strip), picture], axis=0)


def save_sheet(path: Path, clips: list[np.ndarray], labels: list[str], columns: int = 5, across: int = 2) -> None:
    """Write clips of the same size to a PNG with 128 colours, `across` clips side by side."""
    rows = [row(clip, label, columns) for clip, label in zip(clips, labels, strict=True)]
    rows += [np.full_like(rows[0], 255)] * (-len(rows) % across)
    lines = [np.concatenate(rows[i : i + across], axis=1) for i in range(0, len(rows), across)]
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet = Image.fromarray(np.concatenate(lines, axis=0))
    sheet.quantize(128, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(path, optimize=True)
