"""What runs on a device, as the steps see it."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from manifests.variant import Variant


class Generated(NamedTuple):
    """Frames of one variant.

    Attributes:
        frames: uint8, shape (num_frames, height, width, 3), RGB, cropped to the variant's size.
        nan_share: share of the model's output values that were not finite, 0..1.
        device_seconds: time that the device spent on this variant.
        rung: what it took to fit into the device's memory (models/diffusers/oom_fallback.py); empty where nothing.
    """

    variant: Variant
    frames: np.ndarray
    nan_share: float
    device_seconds: float
    rung: str = ""


PictureSource = Callable[[str], np.ndarray]
"""From the hash of a first frame's file to its pixels: uint8 (height, width, 3), RGB, upright."""


class Generator(Protocol):
    """Makes frames from variants of one bucket. A variant decides its frames, whatever is made beside it.

    Used from one thread at a time.
    """

    def prepare(self, variants: Sequence[Variant]) -> None:
        """Do once what many variants share: embed their unique texts, then free the text encoder.

        A hint: without it, or with others, ``generate`` makes the same frames.
        """
        ...

    def generate(self, variants: Sequence[Variant], draft: bool = False) -> Iterator[Generated | Exception]:
        """Yield one item a variant, in order, as each is made: its frames, or the error that only it has.

        Args:
            draft: make the card's draft of each instead.
        """
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
        """uint8 (n, height, width, 3) -> float32 (n, d)."""
        ...

    def embed_prompts(self, prompts: Sequence[str]) -> np.ndarray:
        """n prompts -> float32 (n, d); repeated prompts are embedded once."""
        ...
