"""Put a pipeline on a device at a memory rung, and move it down when memory runs out."""

import contextlib
import traceback
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import psutil
import torch
from diffusers.hooks import apply_group_offloading

from manifests.errors import ModelTooLargeError
from models.card import ModelCard
from models.diffusers.mapped_tensors import copy_mapped
from models.diffusers.text_encoders import TextEncoders
from models.memory import free_caches, is_out_of_memory
from models.placement import Rung, choose, refusal, rungs_for, sizes_of, working_of
from models.placement.rung import DENOISERS, RESIDENT
from models.registry import free_memory_gb, load_cards, local_cards
from models.speed import Speed

GROUP_HOOKS = ("lazy_prefetch_group_offloading", "layer_execution_tracker", "group_offloading")
"""Names of diffusers' hooks."""
SPARE = 1.1
"""Free memory that is needed to move text encoders to the device, as a multiple of their size."""


def free_gb(device: torch.device) -> float | None:
    """Return the free memory of a device in GB (10^9 bytes), or None for the CPU."""
    free_caches()
    return free_memory_gb(str(device))


def fitting_rungs(
    card: ModelCard,
    speed: Speed,
    device: torch.device,
    weights_root: Path | None = None,
    absent: Collection[str] = (),
) -> tuple[Rung, ...]:
    """Return the fastest rung that fits into the free memory, and those below it; empty for the CPU.

    Args:
        absent: components that are not loaded.

    Raises:
        ModelTooLargeError: no rung fits; names the needed and the free memory, and a card that fits.
    """
    free = free_gb(device)
    if free is None:
        return ()
    sizes = {name: size for name, size in sizes_of(card, weights_root, speed).items() if name not in absent}
    working = working_of(card)
    if speed.tile_vae:
        working = working._replace(decode=working.tiled)
    rungs = rungs_for(card, speed, sizes)
    choice = choose(rungs, sizes, working, free, psutil.virtual_memory().available / 1e9)
    if choice is None:
        raise ModelTooLargeError(
            refusal(card, str(device), rungs[-1], sizes, free, local_cards(load_cards()).values(), weights_root)
        )
    return rungs[rungs.index(choice.rung) :]


class Placed:
    """A pipeline on a device, at one rung. It only moves down.

    Attributes:
        rung: None on a CPU.
        encoders: the text encoders, which most rungs keep off the device.
    """

    def __init__(
        self,
        pipeline: Any,
        device: torch.device,
        rungs: Collection[Rung] = (),
        text_encoders: Collection[str] = (),
        quantised: str | None = None,
    ) -> None:
        """Put a pipeline in main memory on the device, at the first rung that does not run out of memory.

        Args:
            rungs: in order; empty to move all components.
            text_encoders: components that are not needed once all texts are embedded.
            quantised: 8-bit type for the rung QUANTISED.

        Raises:
            torch.OutOfMemoryError: the last rung does not fit either.
        """
        self.pipeline = pipeline
        self.device = device
        self.rung: Rung | None = None
        self.encoders = TextEncoders(pipeline, text_encoders, device, self._room_for)
        self._left = [rung for rung in rungs if rung is not Rung.MODEL_OFFLOAD or pipeline.model_cpu_offload_seq]
        self._quantised = quantised
        self._is_quantised = False
        self._is_mapped = True
        if self._left:
            self.down()
        else:
            pipeline.to(device)
            self._copy_mapped()

    @property
    def label(self) -> str:
        """The rung as it is recorded on clips; empty on a CPU."""
        both = self._is_quantised and self.rung is not Rung.QUANTISED
        return f"{Rung.QUANTISED}, {self.rung}" if both else str(self.rung or "")

    def can_free_encoders(self) -> bool:
        """Whether the next rung only removes the text encoders from the device."""
        return self._left[:1] == [Rung.TEXT_ENCODER_FREED]

    def down(self) -> bool:
        """Move the pipeline to the next rung; return False if there is none.

        A rung that runs out of memory while it is applied leads to the one after it.

        Raises:
            torch.OutOfMemoryError: even the last rung runs out of memory.
        """
        while self._left:
            rung = self._left.pop(0)
            try:
                self._apply(rung)
            except Exception as error:
                if not is_out_of_memory(error) or not self._left:
                    raise
                traceback.clear_frames(error.__traceback__)  # frames would keep tensors on the device
            else:
                self.rung = rung
                return True
        return False

    @contextlib.contextmanager
    def without_offload(self) -> Iterator[None]:
        """Remove the hooks of model offload during the block, so that they become the outermost ones again.

        After each call, diffusers restores what was below them, and so would drop the hooks of a step cache above them.
        """
        if self.rung is not Rung.MODEL_OFFLOAD:
            yield
            return
        self.pipeline.remove_all_hooks()
        try:
            yield
        finally:
            self.pipeline.enable_model_cpu_offload(device=self.device)

    def _apply(self, rung: Rung) -> None:
        if rung is Rung.TEXT_ENCODER_FREED and self.rung is Rung.WHOLE:
            self.encoders.stay = False
            self.encoders.detach()
            return
        self._take_off()
        if rung is Rung.WHOLE:
            self.encoders.stay = True
            self.encoders.attach()
        if rung in (Rung.WHOLE, Rung.TEXT_ENCODER_FREED):
            self.pipeline.to(self.device)
            self._copy_mapped()
        elif rung is Rung.MODEL_OFFLOAD:
            self._copy_mapped()
            self.pipeline.enable_model_cpu_offload(device=self.device)
        else:
            self._copy_mapped()
            self._offload_groups(rung)

    def _take_off(self) -> None:
        """Move everything to main memory and remove all hooks of a rung."""
        self.pipeline.remove_all_hooks()
        for component in (*self._modules().values(), *self.encoders.all().values()):
            _remove_group_hooks(component)
            component.to("cpu")
        self.encoders.stay = False
        self.encoders.detach()
        free_caches()

    def _offload_groups(self, rung: Rung) -> None:
        """Copy blocks of the denoisers, or layers, when they run. Other components are small or run once."""
        if rung is Rung.QUANTISED:
            self._quantise()
        self.encoders.stay = rung is Rung.SEQUENTIAL or not self._has_room(self.encoders.gb)
        if self.encoders.stay:
            self.encoders.attach()
        for name, component in self._modules().items():
            by_block = name in DENOISERS and rung is not Rung.SEQUENTIAL
            _forget_compiled(component)
            if name in RESIDENT:
                component.to(self.device)
                continue
            apply_group_offloading(
                component,
                onload_device=self.device,
                offload_type="block_level" if by_block else "leaf_level",
                num_blocks_per_group=1,
                use_stream=by_block and self.device.type == "cuda",
            )

    def _quantise(self) -> None:
        for name, component in self._modules().items():
            if name in DENOISERS and not self._is_quantised:
                # The dtype of the first parameter may be that of the few in float32.
                component.enable_layerwise_casting(
                    storage_dtype=getattr(torch, self._quantised or ""), compute_dtype=component.dtype
                )
        self._is_quantised = True

    def _modules(self) -> dict[str, Any]:
        components = self.pipeline.components
        return {name: each for name, each in components.items() if isinstance(each, torch.nn.Module)}

    def _copy_mapped(self) -> None:
        if self._is_mapped:
            copy_mapped((*self._modules().values(), *self.encoders.all().values()))
        self._is_mapped = False

    def _has_room(self, gb: float) -> bool:
        free = free_gb(self.device)
        return free is None or free >= gb * SPARE

    @contextlib.contextmanager
    def _room_for(self, gb: float) -> Iterator[None]:
        """Move the denoisers to main memory for the duration of the block if this many GB are not free."""
        if self.rung is not Rung.TEXT_ENCODER_FREED or self._has_room(gb):
            yield
            return
        moved = [component for name, component in self._modules().items() if name in DENOISERS]
        for component in moved:
            component.to("cpu")
        free_caches()
        try:
            yield
        finally:
            for component in moved:
                component.to(self.device)


def _remove_group_hooks(component: torch.nn.Module) -> None:
    for module in component.modules():
        registry: Any = getattr(module, "_diffusers_hook", None)
        for name in GROUP_HOOKS if registry else ():
            registry.remove_hook(name, recurse=False)


def _forget_compiled(component: torch.nn.Module) -> None:
    """Run blocks without compilation: a compiled block must not contain a hook that copies weights."""
    for module in component.modules():
        module._compiled_call_impl = None
