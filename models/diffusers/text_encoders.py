"""A pipeline's text encoders, which are larger than most video models and only needed while texts are embedded."""

import contextlib
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch

from models.memory import free_caches


class TextEncoders:
    """Text encoders that are removed from the pipeline and the device while no text is embedded.

    Attributes:
        detached: encoders in main memory, by name. The pipeline has None in their place: if they stayed, it would
            assume that its device is the CPU.
        stay: they remain in the pipeline, which moves them itself or keeps them on the device.
    """

    def __init__(
        self,
        pipeline: Any,
        names: Collection[str],
        device: torch.device,
        room_for: Callable[[float], AbstractContextManager[None]] = lambda gb: contextlib.nullcontext(),
    ) -> None:
        """Remember where the encoders are; nothing is moved yet.

        Args:
            names: components of the pipeline.
            room_for: frees this many GB of the device for the duration of a block.
        """
        self._pipeline = pipeline
        self._names = tuple(names)
        self._device = device
        self._room_for = room_for
        self.detached: dict[str, Any] = {}
        self.stay = False

    @property
    def gb(self) -> float:
        """Size of all encoders in GB."""
        tensors = (tensor for encoder in self.all().values() for tensor in (*encoder.parameters(), *encoder.buffers()))
        return float(sum(tensor.numel() * tensor.element_size() for tensor in tensors)) / 1e9

    def all(self) -> dict[str, Any]:
        """Return the encoders by name, attached or not."""
        attached = {name: getattr(self._pipeline, name, None) for name in self._names}
        return self.detached | {name: encoder for name, encoder in attached.items() if encoder is not None}

    @contextlib.contextmanager
    def attached(self) -> Iterator[None]:
        """Put the encoders into the pipeline and on the device for the duration of the block."""
        if self.stay:
            yield
            return
        with self._room_for(self.gb):
            try:
                self.attach(self._device)
                yield
            finally:
                self.detach()

    def attach(self, device: torch.device | str | None = None) -> None:
        """Put the encoders into the pipeline, and on a device if one is given."""
        for name, encoder in self.all().items():
            setattr(self._pipeline, name, encoder if device is None else encoder.to(device))
        self.detached = {}

    def detach(self) -> None:
        """Move the encoders to main memory and remove them from the pipeline."""
        for name, encoder in self.all().items():
            self.detached[name] = encoder.to("cpu")
            setattr(self._pipeline, name, None)
        if self.detached and self._device.type == "cuda":
            free_caches()
