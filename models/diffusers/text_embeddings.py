"""A pipeline's texts: each embedded once, kept in the machine's memory."""

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import psutil
import torch

from models.card import ModelCard
from models.diffusers.families import Family

Embeddings = dict[str, torch.Tensor]

SHARE = 0.25
"""Of the machine's free memory that embeddings may take: most are 4 MB a text, those of LTX-2 385 MB."""


class Texts:
    """Embeds texts one at a time, so that what stands beside a text changes nothing in it.

    Between two rounds of embedding the pipeline is without its text encoders, and the device too: they are
    larger than most video models (UMT5-XXL: 11.4 GB).

    Attributes:
        encoded: how many texts were embedded so far.
    """

    def __init__(
        self,
        pipeline: Any,
        family: Family,
        card: ModelCard,
        device: torch.device,
        is_offloaded: Callable[[], bool] = lambda: False,
        budget: int | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._family = family
        self._card = card
        self._device = device
        self._is_offloaded = is_offloaded
        self._budget = int(psutil.virtual_memory().available * SHARE) if budget is None else budget
        self._kept: OrderedDict[str, Embeddings] = OrderedDict()
        self._bytes = 0
        self._away: dict[str, Any] = {}
        self.encoded = 0

    def embed(self, texts: Iterable[str]) -> None:
        """Embed what is new of the texts, as far as the budget goes."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._kept]
        if not missing or not self._family.embeds:
            return
        with self._encoders():
            for text in missing:
                self._remember(text, self._encode(text))
                if self._bytes > self._budget:
                    break
        self._forget(keep={*missing})

    def of(self, texts: Iterable[str]) -> dict[str, Embeddings]:
        """Return the embeddings of a few texts on the device; those that are new are embedded now."""
        wanted = list(dict.fromkeys(texts))
        missing = [text for text in wanted if text not in self._kept]
        if missing:
            with self._encoders():
                for text in missing:
                    self._remember(text, self._encode(text))
        found = {text: self._kept[text] for text in wanted}
        for text in wanted:
            self._kept.move_to_end(text)
        self._forget(keep={*wanted})
        return {
            text: {name: value.to(self._device) for name, value in embeddings.items()}
            for text, embeddings in found.items()
        }

    def _encode(self, text: str) -> Embeddings:
        self.encoded += 1
        made = self._family.encode(self._pipeline, text, self._device, self._card.call)
        return {name: value.cpu() for name, value in made.items()}

    def _remember(self, text: str, embeddings: Embeddings) -> None:
        self._kept[text] = embeddings
        self._bytes += _size(embeddings)

    def _forget(self, keep: set[str]) -> None:
        for text in list(self._kept):
            if self._bytes <= self._budget:
                return
            if text not in keep:
                self._bytes -= _size(self._kept.pop(text))

    @contextlib.contextmanager
    def _encoders(self) -> Iterator[None]:
        """Give the pipeline its text encoders back for a while."""
        for name, encoder in self._away.items():
            setattr(self._pipeline, name, encoder if self._is_offloaded() else encoder.to(self._device))
        if self._away and self._is_offloaded():
            self._pipeline.enable_model_cpu_offload(device=self._device)  # hooks for those that are back
        self._away = {}
        try:
            yield
        finally:
            self._send_away()

    def _send_away(self) -> None:
        if self._is_offloaded():
            return  # the hooks move the encoders by themselves
        for name in self._family.text_encoders:
            encoder = getattr(self._pipeline, name, None)
            if encoder is not None:
                self._away[name] = encoder.to("cpu")
                # Left in place it would make the pipeline believe that it works on the CPU.
                setattr(self._pipeline, name, None)
        if self._away and self._device.type == "cuda":
            torch.cuda.empty_cache()


def _size(embeddings: Embeddings) -> int:
    return sum(value.numel() * value.element_size() for value in embeddings.values())
