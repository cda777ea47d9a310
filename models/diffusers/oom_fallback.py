"""Steps after out-of-memory errors, mildest first; each shape group keeps the steps that it needed."""

import functools
import traceback
from collections.abc import Collection, Hashable
from dataclasses import dataclass
from typing import Any

from models.diffusers.placing import Placed
from models.memory import free_caches, is_out_of_memory
from models.speed import Speed

FREED, ENCODERS, TILED, HALVED, PLACED = "freed", "encoders", "tiled", "halved", "placed"
"""Free caches; remove the text encoders from the device; tile and slice the VAE; halve the batch, down to one; move the
pipeline to the next rung of its placement."""
VAE_STEPS = (FREED, ENCODERS, TILED)
"""Steps that help the VAE while the latents are in memory."""
OTHER_STEPS = (FREED, ENCODERS, HALVED, PLACED)
"""Steps that help outside the VAE, where tiling would change pixels for no benefit."""


@dataclass
class GroupState:
    """Fallback state of one shape group.

    Attributes:
        batch: variants per forward pass.
        step: the last step besides placement, as recorded on the clip; empty if none was needed.
    """

    batch: int
    step: str = ""
    freed: bool = False
    tiled: bool = False


class OomFallback:
    """Steps of one pipeline. Its placement applies to all shape groups; tiling and batch size are per group."""

    def __init__(self, placed: Placed, speed: Speed, max_batch: int) -> None:
        self._placed = placed
        self._pipeline = placed.pipeline
        self._speed = speed
        self._batch = min(speed.batch, max_batch)
        self._states: dict[Hashable, GroupState] = {}
        self._state = GroupState(self._batch)
        if vae := getattr(self._pipeline, "vae", None):
            vae.encode, vae.decode = self._with_fallback(vae.encode), self._with_fallback(vae.decode)

    def select(self, shape_group: Hashable) -> None:
        """Apply a shape group's state to the pipeline."""
        self._state = self._states.setdefault(shape_group, GroupState(self._batch))
        self._state.freed = False
        if self._state.step == FREED:
            self._state.step = ""
        self._set_vae()

    @property
    def batch(self) -> int:
        """Variants per forward pass for the selected shape group."""
        return self._state.batch

    @property
    def step(self) -> str:
        """The placement and the last step of the selected shape group; empty on a CPU if no step was needed."""
        return ", ".join(filter(None, (self._placed.label, self._state.step)))

    def next_step(self, allowed: Collection[str] = OTHER_STEPS) -> bool:
        """Apply the next of the allowed steps; return False if none is left."""
        state = self._state
        if FREED in allowed and not state.freed:
            state.freed, state.step = True, state.step or FREED
        elif ENCODERS in allowed and self._placed.can_free_encoders():
            self._placed.down()
        elif TILED in allowed and not state.tiled and not self._speed.tile_vae and self._can_tile():
            state.tiled, state.step = True, TILED
            self._set_vae()
        elif HALVED in allowed and state.batch > 1:
            state.batch //= 2
            state.step = f"batch {state.batch}"
        elif PLACED not in allowed or not self._placed.down():
            return False
        free_caches()
        return True

    def _with_fallback(self, work: Any) -> Any:
        """Retry the VAE call with fallback steps, so that the expensive denoising is not repeated."""

        @functools.wraps(work)
        def retrying(*args: Any, **kwargs: Any) -> Any:
            while True:
                try:
                    return work(*args, **kwargs)
                except Exception as error:
                    if not is_out_of_memory(error):
                        raise
                    traceback.clear_frames(error.__traceback__)  # frames would keep tensors on the device
                    if not self.next_step(VAE_STEPS):
                        raise

        return retrying

    def _can_tile(self) -> bool:
        return hasattr(getattr(self._pipeline, "vae", None), "enable_tiling")

    def _set_vae(self) -> None:
        vae = getattr(self._pipeline, "vae", None)
        tiled = self._state.tiled or self._speed.tile_vae
        for what, wanted in (("tiling", tiled), ("slicing", tiled or self._speed.slice_vae)):
            switch = getattr(vae, f"{'enable' if wanted else 'disable'}_{what}", None)
            if switch:
                switch()
