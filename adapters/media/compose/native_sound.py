"""The masters' own sound, cut like their pictures."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from adapters.media.compose.master import Master
from adapters.media.soundtrack.decode import decode_if_any
from adapters.media.soundtrack.samples import RATE, fitted, silence
from manifests.finish.length import FramePlan, Piece

EDGE = RATE // 200
"""Samples of the fade at each cut: 5 ms, so that it does not click."""


def native_sound(plan: FramePlan, masters: Sequence[Master]) -> np.ndarray | None:
    """Return the sound of a whole deliverable, float32 (2, n) at 48 kHz; None if no master has sound.

    Crossfades of the pictures are crossfades of the sound. Pictures that are played backwards or stand still have the
    sound of the same part of the clip, forwards, or silence. Cards are silent.

    Raises:
        EncodingError: the sound of a master cannot be read.
    """
    sounds = {piece.shot: decode_if_any(masters[piece.shot].path) for piece in plan.pieces}
    if all(sound is None for sound in sounds.values()):
        return None
    made = silence(_samples(plan.frames, plan.fps))
    frame = plan.intro
    for number, piece in enumerate(plan.pieces):
        frame -= piece.overlap
        following = plan.pieces[number + 1].overlap if number + 1 < len(plan.pieces) else 0
        start, end = _samples(frame, plan.fps), _samples(frame + piece.frames, plan.fps)
        part = _part(piece, sounds[piece.shot], plan.fps, end - start)
        made[:, start:end] += _faded(part, _samples(piece.overlap, plan.fps), _samples(following, plan.fps))
        frame += piece.frames
    return made


def _part(piece: Piece, sound: np.ndarray | None, fps: Fraction, length: int) -> np.ndarray:
    if sound is None or piece.step == 0:
        return silence(length)
    first = piece.start if piece.step > 0 else piece.start + 1 - piece.frames
    start = _samples(first, fps)
    return fitted(sound[:, start : start + length], length).copy()


def _faded(part: np.ndarray, into: int, out: int) -> np.ndarray:
    half = part.shape[1] // 2
    rise, fall = min(max(into, EDGE), half), min(max(out, EDGE), half)
    part[:, :rise] *= np.linspace(0, 1, rise, endpoint=False, dtype=np.float32)
    part[:, part.shape[1] - fall :] *= np.linspace(1, 0, fall, dtype=np.float32)
    return part


def _samples(frames: int, fps: Fraction) -> int:
    return round(frames / fps * RATE)
