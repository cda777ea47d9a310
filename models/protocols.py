"""Protocols of generators and scorers, and the frames that they exchange."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from manifests.variant import Variant


class Sound(NamedTuple):
    """Sound that a model generated with the frames.

    Attributes:
        samples: float32 (channels, n), -1..1, one or two channels.
        rate: samples per second.
    """

    samples: np.ndarray
    rate: int


class Generated(NamedTuple):
    """Frames of one variant, and its sound if the model generates one.

    Attributes:
        frames: uint8, shape (num_frames, height, width, 3), RGB, cropped to the variant's size.
        nan_share: share of the model's output values that were not finite, 0..1.
        device_seconds: time that the device spent on this variant.
        fallback_step: memory rung on a GPU (models/placement/rung.py) and last out-of-memory step
            (models/diffusers/oom_fallback.py), such as ``model_offload, tiled``; empty if there was neither.
    """

    variant: Variant
    frames: np.ndarray
    nan_share: float
    device_seconds: float
    fallback_step: str = ""
    sound: Sound | None = None


PictureSource = Callable[[str], np.ndarray]
"""Maps the hash of a first frame's file to its pixels: uint8 (height, width, 3), RGB, upright."""


VideoSource = Callable[[str], np.ndarray]
"""Maps the hash of a video file to its last frames: uint8 (n, height, width, 3), RGB."""


TextSource = Callable[[str], np.ndarray]
"""Maps a text to its embeddings: uint8 of one dimension, as ``TextEncoder.embed`` returns them."""


class TextEncoder(Protocol):
    """Embeds the texts of one card for the generators of several devices."""

    def embed(self, text: str) -> np.ndarray:
        """Return the embeddings of a text: uint8 of one dimension, in the safetensors format."""
        ...

    def close(self) -> None:
        """Free the memory."""
        ...


class Generator(Protocol):
    """Generates frames for variants of one shape group. A variant's frames do not depend on the rest of its batch.

    Used by one thread at a time.
    """

    def prepare(self, variants: Sequence[Variant]) -> None:
        """Do the work that many variants share: embed their unique texts, then free the text encoder.

        Optional: ``generate`` gives the same frames without it, or after preparing other variants.
        """
        ...

    def generate(self, variants: Sequence[Variant]) -> Iterator[Generated | Exception]:
        """Yield one item per variant, in order and as soon as it is ready: its frames, or its own error."""
        ...

    def close(self) -> None:
        """Free the device."""
        ...


class FrameScorer(Protocol):
    """Embeds frames and prompts into one space; rows are unit vectors."""

    @property
    def name(self) -> str:
        """Name and revision of the weights."""
        ...

    def embed_frames(self, frames: np.ndarray) -> np.ndarray:
        """Embed uint8 (n, height, width, 3) as float32 (n, d)."""
        ...

    def embed_prompts(self, prompts: Sequence[str]) -> np.ndarray:
        """Embed n prompts as float32 (n, d); repeated prompts are embedded once."""
        ...
