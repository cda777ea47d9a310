"""The frame of a poster: all layers are in place, and no shot or caption changes."""

from fractions import Fraction
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from adapters.media.compose.layer import DrawnLayer
from manifests.finish.design.template import NO_MOTION, Motion
from manifests.finish.length import FramePlan, Piece
from tasks.finish.layers import Layers
from tasks.finish.poster import poster_index

FADE = Motion(kind="fade", seconds=0.4)
SHOT = Piece(0, 0, 20)
"""Two seconds at 10 fps."""


def layer(start_s: float, end_s: float = 9.0, enter: Motion = FADE, leave: Motion = NO_MOTION) -> DrawnLayer:
    return DrawnLayer("box", np.zeros((4, 4, 4), np.uint8), 0, 0, start_s, end_s, enter, leave)


def index_of(*drawn: DrawnLayer, captions: int = 0, pieces: tuple[Piece, ...] = (SHOT,), intro: int = 0) -> int:
    plan = FramePlan(Fraction(10), pieces, intro, 5)
    parts = SimpleNamespace(
        spec=SimpleNamespace(width=64, height=36),
        footage=SimpleNamespace(plan=plan),
        layers=Layers(drawn, captions),
    )
    return poster_index(cast(Any, parts))


@pytest.mark.parametrize(
    ("drawn", "index"),
    [
        ((), 10),
        ((layer(0.0),), 10),
        ((layer(0.8),), 12),  # fades in during the frames 8 to 11
        ((layer(0.8), layer(1.8)), 12),  # the second one is never in place in the footage
        ((layer(0.0, 1.2, leave=FADE),), 7),  # fades out during the frames 8 to 11
        ((layer(0.0, 0.5, enter=NO_MOTION), layer(0.9)), 13),
        ((layer(0.0, 2.0, Motion(kind="wipe", seconds=2.0)), layer(0.8)), 12),  # a progress bar always moves
    ],
)
def test_the_poster_is_near_the_middle_with_the_layers_in_place(drawn, index):
    assert index_of(*drawn) == index


def test_the_intro_comes_before_the_footage():
    assert index_of(layer(0.5 + 0.8), intro=5) == 5 + 12


def test_the_poster_avoids_captions_that_change_if_it_can():
    assert index_of(layer(0.0), layer(0.8), captions=1) == 12
    slow = Motion(kind="fade", seconds=2.0)
    assert index_of(layer(0.8), layer(1.0, enter=slow), captions=1) == 12  # not possible, so the layers decide


def test_the_poster_avoids_crossfades():
    shots = (Piece(0, 0, 12), Piece(1, 0, 12, overlap=4))
    assert index_of(pieces=shots) == 12  # the frames 8 to 11 show both shots
