"""Encode frames to MP4: adapters/media/video.py against diffusers' export_to_video."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from diffusers.utils import export_to_video

from adapters.media.video import CRF, encode, read_frames
from benchmarks.harness.result import Limit, Result
from benchmarks.harness.timing import interleaved
from benchmarks.render.footage import FPS, HEIGHT, WIDTH, as_floats, drawn, natural
from tasks.score.technical_checks import LUMA

FRAMES = 49
FOOTAGE = {"mp4": natural, "mp4-drawn": drawn}
LIMITS = (Limit("ratio", "at least", 5), Limit("ssim", "at least", 0.98), Limit("size_ratio", "at most", 1.3))
"""Limits for textured footage. A flat scene, with a few kilobytes per clip, is measured without limits."""
EVERY = 6
"""Every sixth frame is compared with its original."""


def run() -> Iterator[Result]:
    """Measure each kind of footage."""
    for name, film in FOOTAGE.items():
        yield _measured(name, film(FRAMES), (film.__doc__ or "").partition(":")[0])


def _measured(name: str, frames: np.ndarray, about: str) -> Result:
    floats = list(as_floats(frames))
    with tempfile.TemporaryDirectory() as folder:
        ours, baseline = Path(folder, "ours.mp4"), Path(folder, "baseline.mp4")
        took, plain = interleaved(
            lambda: encode(frames, FPS, ours), lambda: export_to_video(floats, str(baseline), fps=FPS)
        )
        figures = {
            "ssim": ssim(frames, read_frames(ours)),
            "baseline_ssim": ssim(frames, read_frames(baseline)),
            "size_ratio": ours.stat().st_size / baseline.stat().st_size,
            "size_kb": ours.stat().st_size / 1e3,
            "cpu_s": took.cpu_s,
            "baseline_cpu_s": plain.cpu_s,
        }
    return Result(
        name=name,
        unit="ms per clip",
        ours=1e3 * took.wall_s,
        baseline=1e3 * plain.wall_s,
        figures=figures,
        what=f"{FRAMES} frames of {WIDTH}x{HEIGHT} to an H.264 MP4, crf {CRF}. {about}.",
        limits=LIMITS if name == "mp4" else (),
        held_back_by="x264 and, at the same time, the colour conversion of swscale: both cores are busy. Preset "
        "ultrafast is faster, but needs five times the space for the same SSIM.",
        notes=(
            "export_to_video gets float frames, as a pipeline returns them, and converts them to bytes. Ours gets "
            "bytes, which the engine converts on its device. The baseline uses the defaults of imageio-ffmpeg: preset "
            "medium, crf 25, the bt601 matrix without a tag. SSIM is computed on luma with windows of 11 pixels (Wang "
            f"et al. 2004), on one frame in {EVERY}.",
        ),
    )


def ssim(before: np.ndarray, after: np.ndarray) -> float:
    """Return the mean structural similarity of luma over every EVERY-th frame: uint8 (n, height, width, 3), RGB.

    Wang, Bovik, Sheikh and Simoncelli 2004, Image quality assessment: from error visibility to structural similarity.
    """
    window = torch.exp(-((torch.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
    window = (window[:, None] * window)[None, None] / window.sum() ** 2
    x, y = (torch.from_numpy(frames[::EVERY] @ LUMA)[:, None] for frames in (before, after))
    mean_x, mean_y, square_x, square_y, product = (
        torch.nn.functional.conv2d(plane, window) for plane in (x, y, x * x, y * y, x * y)
    )
    variances = square_x - mean_x**2 + square_y - mean_y**2
    covariance = product - mean_x * mean_y
    steady, steady_2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similar = (2 * mean_x * mean_y + steady) * (2 * covariance + steady_2)
    return float((similar / ((mean_x**2 + mean_y**2 + steady) * (variances + steady_2))).mean())
