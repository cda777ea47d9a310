"""The parts that a deliverable is made of, before they are encoded."""

from typing import NamedTuple

from manifests.finish.cue import Cue
from manifests.finish.spec import DeliverableSpec
from tasks.finish.footage import Footage
from tasks.finish.layers import Layers
from tasks.finish.sound.soundtrack import Tracks


class Parts(NamedTuple):
    """The parts of a deliverable: pictures, layers, sound and captions."""

    spec: DeliverableSpec
    footage: Footage
    layers: Layers
    tracks: Tracks
    cues: tuple[Cue, ...]
