"""What is done when a device's memory runs out, mildest first; what worked is kept for the bucket."""

import functools
import traceback
from collections.abc import Collection, Hashable
from dataclasses import dataclass
from typing import Any

import torch

from models.memory import free_caches, is_out_of_memory
from models.speed import Speed

FREED, TILED, OFFLOADED, HALVED = RUNGS = ("freed", "tiled", "offloaded", "halved")
"""Caches freed; VAE in tiles and slices; components moved to the device by turns; half the batch, down to one."""
IN_VAE = (FREED, TILED)
"""What helps the autoencoder, with the latents in hand."""
AROUND = (FREED, OFFLOADED, HALVED)
"""What helps elsewhere: tiles would change pixels there for nothing."""


@dataclass
class Footing:
    """Where one bucket stands.

    Attributes:
        rung: the last that was taken, as the clip records it; empty where none was.
        batch: variants in one forward.
    """

    batch: int
    rung: str = ""
    freed: bool = False
    tiled: bool = False


class OomFallback:
    """The measures of one pipeline. An offload stays for all buckets, tiling and batch are a bucket's own."""

    def __init__(self, pipeline: Any, device: torch.device, speed: Speed, max_batch: int) -> None:
        self._pipeline = pipeline
        self._device = device
        self._speed = speed
        self._batch = min(speed.batch, max_batch)
        self._footings: dict[Hashable, Footing] = {}
        self._footing = Footing(self._batch)
        self._offloaded = False
        if speed.offload:
            self._offload(speed.offload)
        if vae := getattr(pipeline, "vae", None):
            vae.encode, vae.decode = self._patient(vae.encode), self._patient(vae.decode)

    def stand_on(self, bucket: Hashable) -> None:
        """Bring the pipeline to where the bucket stands."""
        self._footing = self._footings.setdefault(bucket, Footing(self._batch))
        self._footing.freed = False
        if self._footing.rung == FREED:
            self._footing.rung = ""
        self._set_vae()

    @property
    def batch(self) -> int:
        """Variants in one forward, where the bucket stands."""
        return self._footing.batch

    @property
    def rung(self) -> str:
        """The last measure that was taken for the bucket; empty where none was."""
        return self._footing.rung

    @property
    def is_offloaded(self) -> bool:
        """True where the pipeline itself moves its components to the device and back."""
        return self._offloaded

    def climb(self, rungs: Collection[str] = AROUND) -> bool:
        """Take the next measure among ``rungs``; False where none is left."""
        footing = self._footing
        if FREED in rungs and not footing.freed:
            footing.freed, footing.rung = True, footing.rung or FREED
        elif TILED in rungs and not footing.tiled and not self._speed.tile_vae and self._can_tile():
            footing.tiled, footing.rung = True, TILED
            self._set_vae()
        elif OFFLOADED in rungs and not self._offloaded and self._can_offload():
            self._offload("model")
            footing.rung = OFFLOADED
        elif HALVED in rungs and footing.batch > 1:
            footing.batch //= 2
            footing.rung = f"batch {footing.batch}"
        else:
            return False
        free_caches()
        return True

    def _patient(self, work: Any) -> Any:
        """Let the autoencoder try again under a milder load: the denoising before a decode took the most time."""

        @functools.wraps(work)
        def patient(*args: Any, **kwargs: Any) -> Any:
            while True:
                try:
                    return work(*args, **kwargs)
                except Exception as error:
                    if not is_out_of_memory(error):
                        raise
                    traceback.clear_frames(error.__traceback__)  # or the error would keep the device's memory
                    if not self.climb(IN_VAE):
                        raise

        return patient

    def _can_tile(self) -> bool:
        return hasattr(getattr(self._pipeline, "vae", None), "enable_tiling")

    def _set_vae(self) -> None:
        vae = getattr(self._pipeline, "vae", None)
        tiled = self._footing.tiled or self._speed.tile_vae
        for what, wanted in (("tiling", tiled), ("slicing", tiled or self._speed.slice_vae)):
            switch = getattr(vae, f"{'enable' if wanted else 'disable'}_{what}", None)
            if switch:
                switch()

    def _can_offload(self) -> bool:
        return self._device.type == "cuda" and self._pipeline.model_cpu_offload_seq is not None

    def _offload(self, kind: str) -> None:
        if self._device.type != "cuda":
            return  # a CPU has nowhere to put things
        self._offloaded = True
        if kind == "group":
            self._pipeline.enable_group_offload(self._device, num_blocks_per_group=1, use_stream=True)
        else:
            self._pipeline.enable_model_cpu_offload(device=self._device)
