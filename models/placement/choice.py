"""Choose the fastest rung that fits into the free memory of a device."""

from typing import NamedTuple

from models.card import ModelCard
from models.placement.component_sizes import Sizes
from models.placement.needs import Working, needed_gb
from models.placement.rung import RUNGS, TEXT_ENCODERS, Rung
from models.speed import Speed

OFFLOADS = {None: Rung.WHOLE, "model": Rung.MODEL_OFFLOAD, "group": Rung.GROUP_OFFLOAD}
"""First rung by the profile's ``offload``."""


class Choice(NamedTuple):
    """A rung for a device.

    Attributes:
        needed_gb: estimated device memory at this rung.
        tiled: whether clips have to be decoded in tiles.
    """

    rung: Rung
    needed_gb: float
    tiled: bool


def rungs_for(card: ModelCard, speed: Speed, sizes: Sizes) -> tuple[Rung, ...]:
    """Return the rungs that a card can use with a profile, fastest first.

    The text encoder can only be freed if there is one. QUANTISED changes pixels, and is used only if the profile
    allows it.
    """
    left_out = set()
    if sizes and not any(name in TEXT_ENCODERS for name in sizes):
        left_out.add(Rung.TEXT_ENCODER_FREED)
    if speed.quantised is None or speed.storage is not None:
        left_out.add(Rung.QUANTISED)
    first = RUNGS.index(OFFLOADS[speed.offload])
    return tuple(rung for rung in RUNGS[first:] if rung not in left_out)


def choose(rungs: tuple[Rung, ...], sizes: Sizes, working: Working, free_gb: float) -> Choice | None:
    """Return the fastest rung that fits, or None if none does.

    Decoding in tiles changes pixels, so it is planned only if the VAE cannot decode a whole clip on the otherwise
    empty device.
    """
    for tiled in (False, True):
        fitting = (Choice(rung, needed_gb(rung, sizes, working, tiled), tiled) for rung in rungs)
        if found := next((choice for choice in fitting if choice.needed_gb <= free_gb), None):
            return found
    return None
