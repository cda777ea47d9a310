"""The masters' own sound is cut, repeated and crossfaded like their pictures."""

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from adapters.media.compose import native_sound as module
from adapters.media.compose.native_sound import native_sound
from manifests.finish.length import FramePlan, Piece

FPS, RATE = Fraction(24), 48_000
PER_FRAME = RATE // 24
SILENT, LOUD = SimpleNamespace(path=Path("silent.mp4")), SimpleNamespace(path=Path("loud.mp4"))


@pytest.fixture(autouse=True)
def ramp(monkeypatch):
    """The loud master has two seconds of sound whose level tells the time; the other one has none."""
    level = np.repeat(np.arange(1, 49, dtype=np.float32), PER_FRAME)[None].repeat(2, axis=0)
    monkeypatch.setattr(module, "decode_if_any", lambda path: level if path == LOUD.path else None)


def levels(*pieces: Piece, intro: int = 0, end_card: int = 0, masters=(LOUD,)) -> list[float]:
    """The level in the middle of each frame."""
    sound = native_sound(FramePlan(FPS, pieces, intro, end_card), masters)
    return [round(float(value), 2) for value in sound[0, PER_FRAME // 2 :: PER_FRAME]]


def test_the_sound_starts_with_the_footage_and_cards_are_silent():
    assert levels(Piece(0, 0, 4), intro=2, end_card=3) == [0, 0, 1, 2, 3, 4, 0, 0, 0]


def test_a_repeated_piece_has_its_sound_again():
    assert levels(Piece(0, 0, 3), Piece(0, 0, 2)) == [1, 2, 3, 1, 2]


def test_pictures_that_run_backwards_have_the_same_sound_forwards():
    assert levels(Piece(0, 0, 3), Piece(0, 2, 3, -1)) == [1, 2, 3, 1, 2, 3]


def test_frozen_pictures_and_masters_without_sound_are_silent():
    assert levels(Piece(0, 0, 2), Piece(0, 1, 2, 0)) == [1, 2, 0, 0]
    assert levels(Piece(0, 0, 2), Piece(1, 0, 2), masters=(SILENT, LOUD)) == [0, 0, 1, 2]
    assert native_sound(FramePlan(FPS, (Piece(0, 0, 2),), 0, 0), [SILENT]) is None


def test_a_crossfade_of_pictures_is_a_crossfade_of_sounds():
    found = levels(Piece(0, 10, 8), Piece(0, 10, 8, 1, 4))
    assert found[:4] == [11, 12, 13, 14]
    shares = [(index + 0.5) / 4 for index in range(4)]
    expected = [(15 + index) * (1 - share) + (11 + index) * share for index, share in enumerate(shares)]
    assert found[4:8] == pytest.approx(expected, abs=0.02)
    assert found[8:] == [15, 16, 17, 18]


def test_edges_do_not_click():
    sound = native_sound(FramePlan(FPS, (Piece(0, 5, 4),), 0, 0), [LOUD])
    assert abs(sound[:, :3]).max() < 0.1
    assert abs(sound[:, -3:]).max() < 0.1
    assert sound.shape == (2, 4 * PER_FRAME)
