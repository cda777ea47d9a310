"""What people write around WanPipeline: a loop, and everything one after the other."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import WanPipeline
from diffusers.utils import export_to_video

from benchmarks import plain_tail
from benchmarks.wan import Rig
from manifests.variant import Variant
from models.cpu_matmul import fast_matmul
from models.diffusers.loras import prepare_pipeline


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
        with fast_matmul(self.device):  # changes a CPU's arithmetic only
            return self.pipeline(
                prompt=variant.prompt,
                negative_prompt=variant.negative_prompt or None,
                height=variant.height,
                width=variant.width,
                num_frames=variant.num_frames,
                num_inference_steps=variant.num_inference_steps,
                guidance_scale=variant.guidance_scale,
                generator=noise,
                **self._call,
            ).frames[0]


def loop_seconds(plain: PlainWan, variants: Sequence[Variant], scorer: Any, folder: Path) -> float:
    """Make, write, score and check one clip after the other; return the wall time of all."""
    folder.mkdir()
    started = time.perf_counter()
    for number, variant in enumerate(variants):
        frames = plain.frames(variant)
        path = folder / f"{number}.mp4"
        export_to_video(list(frames), str(path), fps=variant.fps)
        plain_tail.score(path, scorer, variant.prompt)
        plain_tail.checks(frames)
    return time.perf_counter() - started
