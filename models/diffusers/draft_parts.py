"""Components that drafts use in place of the card's own, such as a transformer that was distilled to few steps."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from manifests.errors import IncompleteWeightsError
from models.card import ModelCard
from models.diffusers.loading import precision_of
from models.diffusers.parts import load_draft_parts
from models.diffusers.tuning import tune
from models.speed import Speed
from models.weights import weights_problem


class DraftParts:
    """A card's draft parts, loaded for the first draft; the components that they replace stay on the device, too."""

    def __init__(self, card: ModelCard, weights_root: Path | None, device: torch.device) -> None:
        self._card = card
        self._weights_root = weights_root
        self._device = device
        self._parts: dict[str, Any] | None = None

    @contextmanager
    def installed(self, pipeline: Any, speed: Speed) -> Iterator[None]:
        """Replace the components of a pipeline in the block; an empty list of parts changes nothing.

        Args:
            speed: settings that also apply to the parts.

        Raises:
            IncompleteWeightsError: a part cannot be loaded; the message names its folder.
        """
        if self._parts is None:
            self._parts = self._load(speed)
        before = {name: getattr(pipeline, name) for name in self._parts}
        try:
            _set(pipeline, self._parts)
            yield
        finally:
            _set(pipeline, before)

    def _load(self, speed: Speed) -> dict[str, Any]:
        if not self._card.draft_parts:
            return {}
        self._check()
        loaded = load_draft_parts(self._card, precision_of(self._card, self._device), self._weights_root)
        parts = {name: _own(part, self._device) for name, part in loaded.items()}
        self._check()  # the files were changed while they were loaded
        tune(SimpleNamespace(**parts), self._card, speed, self._device)
        return parts

    def _check(self) -> None:
        if problem := weights_problem(self._card, self._weights_root):
            raise IncompleteWeightsError(problem)


def _set(pipeline: Any, components: dict[str, Any]) -> None:
    for name, component in components.items():
        setattr(pipeline, name, component)


def _own(part: Any, device: torch.device) -> Any:
    """Move a part to the device. On the CPU its tensors are copied, as they are views of the mapped file."""
    part.to(device)
    for tensor in (*part.parameters(), *part.buffers()):
        if tensor.device.type == "cpu":
            tensor.data = tensor.data.clone()
    return part
