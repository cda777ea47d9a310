"""The footage of a deliverable: the pieces of its plan, in order, with crossfades between them."""

from collections import deque
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from adapters.media.compose.fit import Fitter
from adapters.media.compose.master import Master
from adapters.media.compose.yuv import mixed
from manifests.finish.length import FramePlan, Piece

KEPT_BYTES = 128 * 2**20
"""Memory for frames of a piece that is played backwards; longer pieces are decoded in several passes."""


class FittedShot(NamedTuple):
    """A master and what fits its frames to the deliverable; ``picture_bytes`` is the size of a fitted picture."""

    master: Master
    fitter: Fitter
    picture_bytes: int

    def pictures(self, fps: Fraction, start: int, stop: int) -> Iterator[np.ndarray]:
        """Yield the pictures of the frames from ``start`` to before ``stop``."""
        for index, frame in enumerate(self.master.frames(fps, start, stop), start):
            yield self.fitter.fit(frame, index * fps.denominator / fps.numerator)


def pictures_of(plan: FramePlan, shots: Sequence[FittedShot]) -> Iterator[np.ndarray]:
    """Yield the pictures of the whole deliverable, without layers.

    The first picture of the footage stands still under the intro, and the last one under the end card. Pictures that
    are yielded more than once are read-only; others may be changed.

    Raises:
        EncodingError: a master cannot be decoded or has fewer frames than planned.
    """
    last = plan.footage - 1
    for index, picture in enumerate(_joined(plan, shots)):
        before = plan.intro if index == 0 else 0
        after = plan.end_card if index == last else 0
        picture.flags.writeable = picture.flags.writeable and not (before or after)
        yield from (picture for _ in range(before + 1 + after))


def _joined(plan: FramePlan, shots: Sequence[FittedShot]) -> Iterator[np.ndarray]:
    """Keep the last frames of each piece until the next one is crossfaded with them."""
    tail: deque[np.ndarray] = deque()
    for number, piece in enumerate(plan.pieces):
        following = plan.pieces[number + 1].overlap if number + 1 < len(plan.pieces) else 0
        for index, picture in enumerate(_piece(piece, plan.fps, shots[piece.shot])):
            if index < piece.overlap:
                picture = mixed(tail.popleft(), picture, (index + 1) / (piece.overlap + 1))
            if index >= piece.frames - following:
                tail.append(picture)
            else:
                yield picture


def _piece(piece: Piece, fps: Fraction, shot: FittedShot) -> Iterator[np.ndarray]:
    if piece.step == 0:
        [still] = shot.pictures(fps, piece.start, piece.start + 1)
        still.flags.writeable = False
        return (still for _ in range(piece.frames))
    if piece.step < 0:
        return _backwards(piece, fps, shot)
    return shot.pictures(fps, piece.start, piece.start + piece.frames)


def _backwards(piece: Piece, fps: Fraction, shot: FittedShot) -> Iterator[np.ndarray]:
    """Decode parts that fit into memory, the last one first."""
    stop, first = piece.start + 1, piece.start + 1 - piece.frames
    at_once = max(8, KEPT_BYTES // shot.picture_bytes)
    while stop > first:
        start = max(first, stop - at_once)
        yield from reversed(list(shot.pictures(fps, start, stop)))
        stop = start
