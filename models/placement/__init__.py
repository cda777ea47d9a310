"""How much of a pipeline is on the device at a time: the rungs, what each one needs, and which one fits.

Imports no torch. ``models/diffusers/placing.py`` applies a rung to a pipeline.
"""

from models.placement.choice import Choice, choose, rungs_for
from models.placement.component_sizes import ComponentSize, sizes_of
from models.placement.needs import Working, needed_gb, working_of
from models.placement.refusal import refusal
from models.placement.rung import RUNGS, Rung

__all__ = [
    "RUNGS",
    "Choice",
    "ComponentSize",
    "Rung",
    "Working",
    "choose",
    "needed_gb",
    "refusal",
    "rungs_for",
    "sizes_of",
    "working_of",
]
