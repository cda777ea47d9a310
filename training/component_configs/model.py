"""A model without contents, and its tensors."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch


class Model(NamedTuple):
    """A model without contents.

    Attributes:
        components: by name.
        denoiser: the component that runs in a step, with two of its blocks: each block frees what it takes.
        denoise: runs one step for a clip of the card's default shape.
        decode: decodes such a clip, or its beginning.
        decoded_gb: what the rest of the clip takes while it is decoded.
        in_chunks: a step takes the same for clips of every length.
    """

    components: dict[str, Any]
    denoiser: Any
    denoise: Callable[[], Any]
    decode: Callable[[], Any]
    decoded_gb: float = 0.0
    in_chunks: bool = False

    @property
    def vae(self) -> Any:
        """The component that decodes."""
        return self.components["vae"]


def latents(frames: int, height: int, width: int, time: int, space: int) -> tuple[int, int, int]:
    """Return frames, height and width of a clip's latents, for a VAE that compresses so much."""
    return (frames - 1) // time + 1, height // space, width // space


def half(*shape: int) -> torch.Tensor:
    """Return a tensor in bfloat16."""
    return torch.empty(*shape, dtype=torch.bfloat16, device="meta")
