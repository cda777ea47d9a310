"""The text encoders of a card without the rest of its pipeline, for the generators of all devices of a machine."""

import gc
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.card import ModelCard
from models.cpu_matmul import fast_matmul, multiply_by_onednn
from models.diffusers.families import family_of
from models.diffusers.loading import find_device, load_placed
from models.diffusers.placing import Placed, free_gb
from models.diffusers.text_embeddings import TextEmbedder, packed
from models.diffusers.text_encoders import TextEncoders
from models.placement.rung import DENOISERS

DECODERS = ("vae", "audio_vae", "vocoder")
SPARE = 2.0
"""Free memory of the GPU, as a multiple of the encoders, that they need to stay there: generators use it as well."""
CACHE_BYTES = 2 * 10**9
"""Embeddings kept, since each device asks for the texts of its shard."""


class SharedEncoder:
    """Embeds texts as the whole pipeline does on this kind of device: same classes, same precision.

    The encoders stay on the device if it has room, otherwise in main memory, which is slower.
    """

    _pipeline: Any = None

    def __init__(
        self, card: ModelCard, weights_root: Path | None = None, device: str = "cpu", threads: int | None = None
    ) -> None:
        if threads:
            torch.set_num_threads(threads)
        multiply_by_onednn()
        wanted, family = find_device(device), family_of(card.pipeline)
        alone = card.model_copy(update={"loras": ()})
        skipped = (*DENOISERS, *card.parts)
        self._pipeline = load_placed(
            alone, weights_root, wanted, lambda pipeline: Placed(pipeline, torch.device("cpu")), skipped
        ).pipeline
        for name in DECODERS:  # loaded, because some classes read their configuration
            if hasattr(self._pipeline, name):
                setattr(self._pipeline, name, None)
        encoders = TextEncoders(self._pipeline, family.text_encoders, wanted)
        self._device = wanted if (free_gb(wanted) or 0.0) >= SPARE * encoders.gb else torch.device("cpu")
        encoders.attach(self._device)
        encoders.stay = True
        self._embedder = TextEmbedder(self._pipeline, family, card, self._device, encoders, CACHE_BYTES)

    def embed(self, text: str) -> np.ndarray:
        """Return the embeddings of a text: uint8 of one dimension, in the safetensors format."""
        with torch.no_grad(), fast_matmul(self._device):
            found = self._embedder.of([text])[text]
        return packed({name: value.cpu() for name, value in found.items()})

    def close(self) -> None:
        """Free the memory."""
        self._pipeline = self._embedder = None  # type: ignore[assignment]
        gc.collect()
