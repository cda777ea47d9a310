"""Device memory that a card needs at each rung.

Weights are counted exactly. Working memory, which a clip takes besides the weights, is the card's figure for its
default clip at its largest size, scaled with the number of pixels; without a figure, a rule of thumb.
"""

from typing import NamedTuple

from models.card import ModelCard
from models.placement.component_sizes import ComponentSize, Sizes, stored_in_8_bits
from models.placement.rung import DENOISERS, RESIDENT, TEXT_ENCODERS, Rung

FIXED_GB = 0.5
"""Workspaces of cuBLAS and cuDNN, and kernels."""
FRAGMENTATION = 1.1
"""Working memory is allocated and freed in pieces, between which some is lost. Weights are allocated once."""
ENCODE_GB = 0.5
"""Working memory while one text is embedded. LTX-2, which keeps the states of 49 layers, takes 0.4 GB."""
DENOISE_BYTES = 120
DECODE_BYTES = 270
"""Rule of thumb, in bytes per pixel of the clip: a little above the largest figures of the cards, those of Wan."""
TILED_GB = 2.0
"""Working memory while a tile is decoded."""


class Working(NamedTuple):
    """Working memory of a clip besides the weights, in GB.

    Attributes:
        denoise: in a step.
        decode: while the VAE decodes all at once.
        tiled: while the VAE decodes in tiles.
    """

    denoise: float
    decode: float
    tiled: float


def working_of(card: ModelCard, shape: tuple[int, int, int] | None = None) -> Working:
    """Return the working memory for one clip of a shape; larger batches are halved before anything is offloaded.

    Args:
        shape: frames, height and width at render size; None for the default clip at the largest size.
    """
    default = default_shape(card)
    pixels, default_pixels = _pixels(shape or default), _pixels(default)
    figures = card.memory.working if card.memory else None
    if figures is None:
        decode = pixels * DECODE_BYTES / 1e9
        return Working(pixels * DENOISE_BYTES / 1e9, decode, min(decode, TILED_GB))
    share = pixels / default_pixels
    decode = figures.decode_gb * share
    step = share * default[0] / (shape or default)[0] if figures.in_chunks else share
    return Working(figures.denoise_gb * step, decode, min(decode, figures.tiled_gb))


def default_shape(card: ModelCard) -> tuple[int, int, int]:
    """Return frames, height and width of the card's default clip at its largest size."""
    size = max(card.sizes.values(), key=lambda each: each.render_height * each.render_width)
    return card.defaults.num_frames, size.render_height, size.render_width


def needed_gb(rung: Rung, sizes: Sizes, working: Working, tiled: bool = False) -> float:
    """Return the device memory at a rung in GB.

    Args:
        tiled: decode in tiles.
    """
    if rung is Rung.QUANTISED:
        rung, sizes = Rung.GROUP_OFFLOAD, stored_in_8_bits(sizes)
    denoise, encode = FRAGMENTATION * working.denoise, FRAGMENTATION * ENCODE_GB
    decode = FRAGMENTATION * (working.tiled if tiled else working.decode)
    encoders = [size.gb for name, size in sizes.items() if name in TEXT_ENCODERS]
    others = {name: size for name, size in sizes.items() if name not in TEXT_ENCODERS}
    if rung in (Rung.WHOLE, Rung.TEXT_ENCODER_FREED):
        resident = sum(size.gb for size in others.values())
        kept = sum(encoders) if rung is Rung.WHOLE else 0.0
        peaks = [sum(encoders) + encode, kept + resident + max(denoise, decode)]
    else:
        stay = () if rung is Rung.MODEL_OFFLOAD else [name for name in RESIDENT if name in others]
        kept = sum(others.pop(name).gb for name in stay)
        phases = {name: denoise if name in DENOISERS else decode for name in others}
        peaks = [kept + _offloaded(rung, name, size) + phases[name] for name, size in others.items()]
        peaks += [kept + _encoder(rung, sizes, name) + encode for name in sizes if name in TEXT_ENCODERS]
    return FIXED_GB + max(peaks, default=0.0)


def host_gb(rung: Rung, sizes: Sizes) -> float:
    """Return the main memory in GB for the weights that are not on the device."""
    if rung is Rung.QUANTISED:
        sizes = stored_in_8_bits(sizes)
    return sum(
        size.gb
        for name, size in sizes.items()
        if rung not in (Rung.WHOLE, Rung.TEXT_ENCODER_FREED) or (name in TEXT_ENCODERS and rung is not Rung.WHOLE)
    )


def _offloaded(rung: Rung, name: str, size: ComponentSize) -> float:
    """Return the part of a component's weights that is on the device while it runs; only denoisers run in blocks."""
    if rung is Rung.MODEL_OFFLOAD:
        return size.gb
    if rung is Rung.GROUP_OFFLOAD and name in DENOISERS:
        return min(size.gb, size.rest_gb + 2 * size.block_gb)
    return size.leaf_gb


def _encoder(rung: Rung, sizes: Sizes, name: str) -> float:
    """Below model offload, encoders that do not fit are copied layer by layer."""
    return sizes[name].gb if rung is Rung.MODEL_OFFLOAD else sizes[name].leaf_gb


def _pixels(shape: tuple[int, int, int]) -> int:
    frames, height, width = shape
    return frames * height * width
