"""What people usually write around WanPipeline: a loop that runs one step after the other."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import WanPipeline
from diffusers.utils import export_to_video

from benchmarks.render import plain_postprocess
from benchmarks.wan.rig import Rig
from manifests.variant import Variant
from models.cpu_matmul import fast_matmul
from models.diffusers.loras import prepare_pipeline


class PlainWan:
    """diffusers' own pipeline on a device, with the precision and scheduler of the card."""

    def __init__(self, rig: Rig) -> None:
        card, self.device = rig.card, torch.device(rig.setting.device)
        kinds = {name: getattr(torch, kind) for name, kind in card.precision.items()}
        dtype = kinds if self.device.type == "cuda" else torch.float32
        self.pipeline = WanPipeline.from_pretrained(card.weights.folder, dtype=dtype).to(self.device)
        prepare_pipeline(self.pipeline, card)
        self.pipeline.set_progress_bar_config(disable=True)
        self._call = card.call

    def frames(self, variant: Variant) -> np.ndarray:
        """Return the frames of one call in CPU memory: float (n, height, width, 3) in 0..1.

        The noise is drawn on the CPU, as in ours, so that a seed gives the same frames.
        """
        noise = torch.Generator("cpu").manual_seed(variant.seed)
        with fast_matmul(self.device):  # has an effect on a CPU only
            result: np.ndarray = self.pipeline(
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
            return result


def loop_seconds(plain: PlainWan, variants: Sequence[Variant], scorer: Any, folder: Path) -> float:
    """Generate, write, score and check one clip after the other. Return the total wall time."""
    folder.mkdir()
    started = time.perf_counter()
    for number, variant in enumerate(variants):
        frames = plain.frames(variant)
        path = folder / f"{number}.mp4"
        export_to_video(list(frames), str(path), fps=variant.fps)
        plain_postprocess.score(path, scorer, variant.prompt)
        plain_postprocess.checks(frames)
    return time.perf_counter() - started
