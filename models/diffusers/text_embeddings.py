"""Embed a pipeline's texts once and cache the embeddings in main memory."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import numpy as np
import psutil
import torch
from safetensors.torch import load, save

from models.card import ModelCard
from models.diffusers.families import Family
from models.diffusers.text_encoders import TextEncoders
from models.protocols import TextSource

Embeddings = dict[str, torch.Tensor]

SHARE = 0.25
"""Share of free main memory for the cache. Most embeddings take 4 MB per text, those of LTX-2 385 MB."""


class TextEmbedder:
    """Embeds texts one at a time, so that an embedding does not depend on other texts of a batch.

    Attributes:
        encoded: how many texts have been embedded.
    """

    def __init__(
        self,
        pipeline: Any,
        family: Family,
        card: ModelCard,
        device: torch.device,
        encoders: TextEncoders | None = None,
        budget: int | None = None,
        source: TextSource | None = None,
    ) -> None:
        """Embed nothing yet.

        Args:
            budget: bytes of the cache.
            source: embeds texts elsewhere, so that this pipeline needs no text encoder.
        """
        self._source = source
        self._pipeline = pipeline
        self._family = family
        self._card = card
        self._device = device
        self._encoders = encoders or TextEncoders(pipeline, family.text_encoders, device)
        self._budget = int(psutil.virtual_memory().available * SHARE) if budget is None else budget
        self._cache: OrderedDict[str, Embeddings] = OrderedDict()
        self._bytes = 0
        self.encoded = 0

    def embed(self, texts: Iterable[str]) -> None:
        """Embed the texts that are not cached yet, until the budget is used up."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._cache]
        if not missing or not self._family.embeds:
            return
        with self._encoders.attached():
            for text in missing:
                self._remember(text, self._encode(text))
                if self._bytes > self._budget:
                    break
        self._evict(keep={*missing})

    def of(self, texts: Iterable[str]) -> dict[str, Embeddings]:
        """Return the embeddings of a few texts on the device; embed those that are not cached."""
        wanted = list(dict.fromkeys(texts))
        missing = [text for text in wanted if text not in self._cache]
        if missing:
            with self._encoders.attached():
                for text in missing:
                    self._remember(text, self._encode(text))
        found = {text: self._cache[text] for text in wanted}
        for text in wanted:
            self._cache.move_to_end(text)
        self._evict(keep={*wanted})
        return {
            text: {name: value.to(self._device) for name, value in embeddings.items()}
            for text, embeddings in found.items()
        }

    def _encode(self, text: str) -> Embeddings:
        self.encoded += 1
        if self._source:
            return unpacked(self._source(text))
        made = self._family.encode(self._pipeline, text, self._device, self._card.call)
        return {name: value.cpu() for name, value in made.items()}

    def _remember(self, text: str, embeddings: Embeddings) -> None:
        self._cache[text] = embeddings
        self._bytes += _size(embeddings)

    def _evict(self, keep: set[str]) -> None:
        for text in list(self._cache):
            if self._bytes <= self._budget:
                return
            if text not in keep:
                self._bytes -= _size(self._cache.pop(text))


def packed(embeddings: Embeddings) -> np.ndarray:
    """Return embeddings as uint8 of one dimension, in the safetensors format, which contains no code."""
    content = save({name: value.contiguous() for name, value in embeddings.items()})
    return np.frombuffer(content, dtype=np.uint8)


def unpacked(content: np.ndarray) -> Embeddings:
    """Return the embeddings of ``packed``."""
    return dict(load(content.tobytes()))


def _size(embeddings: Embeddings) -> int:
    return sum(value.numel() * value.element_size() for value in embeddings.values())
