"""FLOPs of one forward pass of Wan's transformer, and the peak FLOP/s of GPUs."""

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
"""Dense bfloat16 TFLOP/s by a part of torch's device name. The first match counts.

The values are from NVIDIA's data sheets: half of the values for sparse matrices. They are theoretical. One H200
reached 790 in a measurement, so a share of the peak here is 0.8 of the share of the measured rate."""
LATENT = (4, 8, 8)
"""Frames, rows and columns of pixels per latent of Wan 2.1's autoencoder. The first frame has a separate latent."""
TEXT_TOKENS = 512


def tokens_of(height: int, width: int, num_frames: int, patch: tuple[int, int, int] = (1, 2, 2)) -> int:
    """Return the number of tokens of a clip of this size, in pixels and frames: 480, 832, 81 -> 32,760."""
    latent = ((num_frames - 1) // LATENT[0] + 1, height // LATENT[1], width // LATENT[2])
    return prod(side // step for side, step in zip(latent, patch, strict=True))


def forward_flops(config: Mapping[str, Any], tokens: int, text_tokens: int = TEXT_TOKENS) -> float:
    """Return the FLOPs of one forward pass of a WanTransformer3DModel for one clip.

    A matrix product (n, k) x (k, m) costs 2nkm. With width d, feed-forward width f, n tokens and t text tokens, a
    block has: queries, keys, values and output of the self-attention, queries and output of the cross-attention
    (6d^2 weights per token) and the feed-forward (2df); keys and values of the text (2d^2 weights per text token);
    scores and sums of the attentions (4n^2d and 4ntd). The patch embedding and the output projection are included.
    Norms, rotations, sums and the embeddings of time and text are not: together they are less than a thousandth.

    Args:
        config: Configuration of the model, with diffusers' names.
        tokens: Tokens of the clip.
        text_tokens: Tokens of the prompt, including padding.
    """
    width, inner = config["num_attention_heads"] * config["attention_head_dim"], config["ffn_dim"]
    weights = (6 * width**2 + 2 * width * inner) * tokens + 2 * width**2 * text_tokens
    attention = tokens**2 * width + tokens * text_tokens * width
    ends = width * prod(config["patch_size"]) * (config["in_channels"] + config["out_channels"]) * tokens
    return float(config["num_layers"] * (2 * weights + 4 * attention) + 2 * ends)


def peak_flops(device_name: str) -> float | None:
    """Return the dense bfloat16 FLOP/s of a device by its torch name, or None if PEAKS does not list it."""
    found = (peak for part, peak in PEAKS.items() if part in device_name)
    tera = next(found, None)
    return tera * 1e12 if tera else None
