"""How many operations a forward of Wan's transformer takes, and how many a GPU does a second at most."""

from collections.abc import Mapping
from math import prod
from typing import Any

PEAKS = {
    "H200 NVL": 835.5,
    "H200": 989.4,
    "H100 NVL": 835.5,
    "H100 PCIe": 756.5,
    "H100": 989.4,
    "A100": 311.9,
    "L40S": 362.05,
    "RTX 4090": 165.2,
}
"""Dense bfloat16 TFLOP/s by what torch's name of a device contains, the first that fits: NVIDIA's data sheets, half of
what they say for sparse matrices. These are theoretical; one H200 was measured to do 790, so that a share of the
limit that is told here is 0.8 of the one that is told there."""
LATENT = (4, 8, 8)
"""Frames, rows and columns of pixels in a latent of Wan 2.1's autoencoder; the first frame is a latent of its own."""
TEXT_TOKENS = 512


def tokens_of(height: int, width: int, num_frames: int, patch: tuple[int, int, int] = (1, 2, 2)) -> int:
    """Return how many tokens the transformer sees of a clip, in pixels and frames: 480, 832, 81 -> 32,760."""
    latent = ((num_frames - 1) // LATENT[0] + 1, height // LATENT[1], width // LATENT[2])
    return prod(side // step for side, step in zip(latent, patch, strict=True))


def forward_flops(config: Mapping[str, Any], tokens: int, text_tokens: int = TEXT_TOKENS) -> float:
    """Return the FLOPs of one forward of a WanTransformer3DModel for one clip.

    A product of matrices (n, k) x (k, m) is 2nkm. With d the width, f that of the feed-forward, n tokens and t of
    the text, a block has: queries, keys, values and output of the self-attention, queries and output of the
    cross-attention (6d^2 weights a token) and the feed-forward (2df); keys and values of the text (2d^2 weights a
    text token); scores and sums of the attentions (4n^2d and 4ntd). Patches and projection out are counted, norms,
    rotations, sums and the embedding of time and text are not: less than a thousandth.

    Args:
        config: of the model, in diffusers' words.
        tokens, text_tokens: of the clip and of its prompt, padding included.
    """
    width, inner = config["num_attention_heads"] * config["attention_head_dim"], config["ffn_dim"]
    weights = (6 * width**2 + 2 * width * inner) * tokens + 2 * width**2 * text_tokens
    attention = tokens**2 * width + tokens * text_tokens * width
    ends = width * prod(config["patch_size"]) * (config["in_channels"] + config["out_channels"]) * tokens
    return float(config["num_layers"] * (2 * weights + 4 * attention) + 2 * ends)


def peak_flops(device_name: str) -> float | None:
    """Return dense bfloat16 FLOP/s of a device by torch's name of it; None where PEAKS does not know it."""
    found = (peak for part, peak in PEAKS.items() if part in device_name)
    tera = next(found, None)
    return tera * 1e12 if tera else None
