"""What people usually write after a diffusers pipeline: score single frames from the file, and check full frames."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import torch
from PIL import Image

from models.openclip.scorer import OpenClipScorer
from tasks.score.technical_checks import LUMA

SCORED_FRAMES = 8


@contextmanager
def as_torch_comes() -> Iterator[None]:
    """Disable models/cpu_matmul.py: a plain script uses torch's default for matrix products."""
    matmul = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]  # set at run time
    before, matmul.fp32_precision = matmul.fp32_precision, "none"
    try:
        yield
    finally:
        matmul.fp32_precision = before


def score(path: Path, scorer: OpenClipScorer, prompt: str) -> float:
    """Return the mean cosine of eight frames read back from the file. Each is prepared with PIL and embedded alone."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    chosen = np.linspace(0, len(frames) - 1, SCORED_FRAMES).round().astype(int)
    return float(np.mean([cosine(frames[index], scorer, prompt) for index in chosen]))


def cosine(frame: np.ndarray, scorer: OpenClipScorer, prompt: str) -> float:
    """Return the cosine of one frame, uint8 (height, width, 3), and its prompt, as in the README of open_clip."""
    with torch.inference_mode(), as_torch_comes():
        image = embedding(frame, scorer)
        text = scorer.model.encode_text(scorer.tokenize([prompt]), normalize=True)
    return float((image @ text.T).item())


def embedding(frame: np.ndarray, scorer: OpenClipScorer) -> torch.Tensor:
    """Embed one frame, uint8 (height, width, 3), with open_clip's own transform: float32 (1, d) of length one."""
    with torch.inference_mode(), as_torch_comes():
        result: torch.Tensor = scorer.model.encode_image(scorer.preprocess(as_pil(frame)).unsqueeze(0), normalize=True)
        return result


def as_pil(frame: np.ndarray) -> Image.Image:
    """Convert a frame to the input type of open_clip's transforms."""
    return Image.fromarray(frame)


def checks(frames: np.ndarray) -> dict[str, float]:
    """Return brightness, contrast, motion and flicker, in 0..255, of frames, float32 (n, height, width, 3) in 0..1."""
    luma = frames @ LUMA * 255
    means = luma.mean(axis=(1, 2))
    return {
        "luma_mean": float(luma.mean()),
        "luma_spread": float(luma.std(axis=(1, 2)).mean()),
        "frame_difference": float(np.abs(np.diff(luma, axis=0)).mean()),
        "temporal_flickering": float(np.abs(means[1:-1] - (means[:-2] + means[2:]) / 2).mean()),
    }
