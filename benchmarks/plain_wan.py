"""What people write around WanPipeline: a loop, and everything one after the other."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from diffusers import WanPipeline
from diffusers.utils import export_to_video
from PIL import Image

from benchmarks.wan import Rig
from manifests.variant import Variant
from models.diffusers_video import fast_arithmetic
from models.loras import prepare_pipeline


class PlainWan:
    """diffusers' own pipeline on a device, in the card's precision and with its scheduler."""

    def __init__(self, rig: Rig) -> None:
        card, self.device = rig.card, torch.device(rig.setting.device)
        kinds = {name: getattr(torch, kind) for name, kind in card.precision.items()}
        dtype = kinds if self.device.type == "cuda" else torch.float32
        self.pipeline = WanPipeline.from_pretrained(card.weights.folder, dtype=dtype).to(self.device)
        prepare_pipeline(self.pipeline, card)
        self.pipeline.set_progress_bar_config(disable=True)
        self._call = card.call

    def frames(self, variant: Variant) -> np.ndarray:
        """Return what the call returns: float (n, height, width, 3) in 0..1, in the machine's memory.

        The noise is drawn on the CPU, as ours is, so that a seed means the same frames.
        """
        noise = torch.Generator("cpu").manual_seed(variant.seed)
        with fast_arithmetic(self.device):  # changes a CPU's arithmetic only
            return self.pipeline(
                prompt=variant.prompt, negative_prompt=variant.negative_prompt or None, height=variant.height,
                width=variant.width, num_frames=variant.num_frames, num_inference_steps=variant.num_inference_steps,
                guidance_scale=variant.guidance_scale, generator=noise, **self._call).frames[0]


def loop_seconds(plain: PlainWan, variants: Sequence[Variant], scorer: Any, folder: Path) -> float:
    """Make, write, score and check one clip after the other; return the wall time of all."""
    folder.mkdir()
    started = time.perf_counter()
    for number, variant in enumerate(variants):
        frames = plain.frames(variant)
        path = folder / f"{number}.mp4"
        export_to_video(list(frames), str(path), fps=variant.fps)
        score(path, scorer, variant.prompt)
        checks(frames)
    return time.perf_counter() - started


def score(path: Path, scorer: Any, prompt: str) -> float:
    """Mean cosine of eight frames that are read back from the file, each prepared by PIL and embedded alone."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    chosen = [frames[index] for index in np.linspace(0, len(frames) - 1, 8).round().astype(int)]
    cosines = []
    with torch.inference_mode():
        for frame in chosen:
            picture = scorer.preprocess(Image.fromarray(frame)).unsqueeze(0)
            image = scorer.model.encode_image(picture, normalize=True)
            text = scorer.model.encode_text(scorer.tokenize([prompt]), normalize=True)
            cosines.append(float((image @ text.T).item()))
    return sum(cosines) / len(cosines)


def checks(frames: np.ndarray) -> dict[str, float]:
    """Brightness, contrast, motion and flicker of full frames, float (n, height, width, 3) in 0..1; in 0..255."""
    luma = frames @ np.array([0.2126, 0.7152, 0.0722], np.float32) * 255
    means = luma.mean(axis=(1, 2))
    return {
        "luma_mean": float(luma.mean()),
        "luma_spread": float(luma.std(axis=(1, 2)).mean()),
        "frame_difference": float(np.abs(np.diff(luma, axis=0)).mean()),
        "temporal_flickering": float(np.abs(means[1:-1] - (means[:-2] + means[2:]) / 2).mean()),
    }
