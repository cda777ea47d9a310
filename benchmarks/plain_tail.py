"""What people write behind a diffusers pipeline: score from the file, a frame at a time, and checks of full frames."""

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
    """Without models/cpu_matmul.py: a script has torch's own choice of who multiplies its matrices."""
    matmul = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]  # put there at run time
    before, matmul.fp32_precision = matmul.fp32_precision, "none"
    try:
        yield
    finally:
        matmul.fp32_precision = before


def score(path: Path, scorer: OpenClipScorer, prompt: str) -> float:
    """Mean cosine of eight frames that are read back from the file, each prepared by PIL and embedded alone."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    chosen = np.linspace(0, len(frames) - 1, SCORED_FRAMES).round().astype(int)
    return float(np.mean([cosine(frames[index], scorer, prompt) for index in chosen]))


def cosine(frame: np.ndarray, scorer: OpenClipScorer, prompt: str) -> float:
    """Cosine of one frame, uint8 (height, width, 3), and its prompt, as open_clip's own page shows it."""
    with torch.inference_mode(), as_torch_comes():
        image = embedding(frame, scorer)
        text = scorer.model.encode_text(scorer.tokenize([prompt]), normalize=True)
    return float((image @ text.T).item())


def embedding(frame: np.ndarray, scorer: OpenClipScorer) -> torch.Tensor:
    """One frame, uint8 (height, width, 3), through open_clip's own transform: float32 (1, d) of length one."""
    with torch.inference_mode(), as_torch_comes():
        return scorer.model.encode_image(scorer.preprocess(as_pil(frame)).unsqueeze(0), normalize=True)


def as_pil(frame: np.ndarray) -> Image.Image:
    """As open_clip's transforms take it."""
    return Image.fromarray(frame)


def checks(frames: np.ndarray) -> dict[str, float]:
    """Brightness, contrast, motion and flicker of full frames, float32 (n, height, width, 3) in 0..1; in 0..255."""
    luma = frames @ LUMA * 255
    means = luma.mean(axis=(1, 2))
    return {
        "luma_mean": float(luma.mean()),
        "luma_spread": float(luma.std(axis=(1, 2)).mean()),
        "frame_difference": float(np.abs(np.diff(luma, axis=0)).mean()),
        "temporal_flickering": float(np.abs(means[1:-1] - (means[:-2] + means[2:]) / 2).mean()),
    }
