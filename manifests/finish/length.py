"""Length of a deliverable: which frames of which shot are shown, in which order, and how long the cards are.

Pure arithmetic on numbers of frames. ``plan_length`` trims footage that is too long and extends footage that is too
short, by the rules of docs/decisions/0095.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from manifests.errors import FinishError
from manifests.finish.spec import Extension

END_CARD_TIMES = 3
"""An end card is extended to at most this many times its length."""
LEAD_S = 0.15
"""Time between the intro and the first word of the voice."""
CROSSFADE_S = 0.5
"""Length of the crossfade between two rounds of a loop."""
SHORTEST_S = 0.5
"""Shorter pieces of a shot are not worth showing: the last shots of a sequence are left out instead."""


class Piece(NamedTuple):
    """Frames of one shot that are shown in a row.

    Attributes:
        shot: index of the shot.
        start: index of the first frame that is shown.
        frames: number of frames.
        step: 1 plays forwards, -1 backwards, 0 repeats the frame ``start``.
        overlap: how many frames are crossfaded with the last frames of the piece before.
    """

    shot: int
    start: int
    frames: int
    step: int = 1
    overlap: int = 0


class FramePlan(NamedTuple):
    """The time line of a deliverable, in frames.

    Attributes:
        fps: frames per second.
        pieces: the footage, in order.
        intro, end_card: lengths of the cards.
        trimmed, added: how many frames of footage were left out or added.
        card_added: by how many frames the end card was extended.
        notes: what people should know, one sentence each.
    """

    fps: Fraction
    pieces: tuple[Piece, ...]
    intro: int
    end_card: int
    trimmed: int = 0
    added: int = 0
    card_added: int = 0
    notes: tuple[str, ...] = ()

    @property
    def footage(self) -> int:
        """Number of frames of footage that are shown."""
        return length_of(self.pieces)

    @property
    def frames(self) -> int:
        """Number of frames of the deliverable."""
        return self.intro + self.footage + self.end_card

    @property
    def seconds(self) -> float:
        """Length of the deliverable."""
        return float(self.frames / self.fps)


class Wanted(NamedTuple):
    """What the length must be.

    Attributes:
        min_s, max_s: limits of the placement; None for none.
        duration_s: the wanted length; None for the length of the footage.
        voice_s: when the voice ends, from the start of the deliverable; 0 without a voice.
        intro_s, end_card_s: lengths of the template's cards; 0 for none.
        transition_s: crossfade between shots; 0 cuts.
        extension: how footage that is too short is extended.
        keeps_sound: whether the sound of the footage is heard, so that it cannot run backwards.
    """

    min_s: float | None = None
    max_s: float | None = None
    duration_s: float | None = None
    voice_s: float = 0.0
    intro_s: float = 0.0
    end_card_s: float = 0.0
    transition_s: float = 0.0
    extension: Extension = Extension.AUTO
    keeps_sound: bool = False


def plan_length(shots: Sequence[int], fps: Fraction, wanted: Wanted) -> FramePlan:
    """Return the time line.

    Args:
        shots: number of frames of each shot at ``fps``, each at least 1.

    Raises:
        FinishError: the voice or the cards do not fit, or the footage is too short and must not be extended.
    """
    joined = _joined(shots, round(wanted.transition_s * fps))
    natural = FramePlan(fps, joined, round(wanted.intro_s * fps), round(wanted.end_card_s * fps))
    target = _target(natural.frames, fps, wanted)
    if target < natural.frames:
        return _trimmed(natural, shots, target, wanted)
    return _extended(natural, shots, target, wanted) if target > natural.frames else natural


def length_of(pieces: Sequence[Piece]) -> int:
    """Return the number of frames that pieces give."""
    return sum(piece.frames - piece.overlap for piece in pieces)


def frame_rate(rates: Sequence[Fraction], min_fps: float | None, max_fps: float | None) -> Fraction:
    """Return the frame rate of a deliverable: that of the first master, within the limits of the placement.

    A rate that is too low is doubled, tripled …, and one that is too high divided, so that all frames are shown for
    the same time. If no multiple is within the limits, a standard rate is used, or else the nearest limit. Unknown
    rates (0) become 25.
    """
    rate = _standard(next(iter(rates), Fraction(0)) or Fraction(25))
    low, high = _exact(min_fps or 0), _exact(max_fps or 1000)
    if rate < low:
        multiple = rate * math.ceil(low / rate)
        return multiple if multiple <= high else next((each for each in STANDARD if low <= each <= high), low)
    if rate > high:
        part = rate / math.ceil(rate / high)
        return part if part >= low else high
    return rate


def _exact(limit: float) -> Fraction:
    """Return a limit as a fraction: 29.97 means 30000/1001."""
    given = Fraction(limit).limit_denominator(1001)
    return next((rate for rate in STANDARD if abs(rate - given) <= rate * ROUNDED), given)


ROUNDED = Fraction(1, 50_000)
"""29.97 and 23.976 are rounded by less than this."""
# Whole rates first: they are preferred.
STANDARD = tuple(Fraction(rate) for rate in (8, 12, 15, 16, 24, 25, 30, 48, 50, 60)) + tuple(
    Fraction(rate * 1000, 1001) for rate in (24, 30, 60)
)


def _standard(rate: Fraction) -> Fraction:
    """Return the standard rate within 0.05 %, a whole number, or else the next standard rate above a variable one."""
    nearest = min(STANDARD, key=lambda standard: abs(standard - rate))
    if abs(nearest - rate) <= rate / 2000:
        return nearest
    if rate.denominator == 1:
        return rate
    return min((standard for standard in STANDARD if standard >= rate), default=Fraction(60))


def _target(natural: int, fps: Fraction, wanted: Wanted) -> int:
    """Return the number of frames that the deliverable must have."""
    low = max(1, math.ceil(Fraction(wanted.min_s or 0) * fps))
    high = math.floor(Fraction(wanted.max_s) * fps) if wanted.max_s is not None else None
    voice = math.ceil(Fraction(wanted.voice_s) * fps)
    goal = natural if wanted.duration_s is None else round(Fraction(wanted.duration_s) * fps)
    goal = max(goal, low) if wanted.duration_s is not None else max(goal, low, voice)
    goal = goal if high is None else min(goal, high)
    if voice > goal:
        raise FinishError(
            f"The voice ends at {wanted.voice_s:.1f} s, but the deliverable has at most {float(goal / fps):.1f} s. "
            "Shorten the script or raise duration_s."
        )
    return goal


def _joined(shots: Sequence[int], transition: int) -> tuple[Piece, ...]:
    """Return all shots in order; a crossfade takes at most a third of each shot."""
    pieces = []
    for index, frames in enumerate(shots):
        overlap = min(transition, frames // 3, shots[index - 1] // 3) if index else 0
        pieces.append(Piece(index, 0, frames, 1, overlap))
    return tuple(pieces)


def _trimmed(natural: FramePlan, shots: Sequence[int], target: int, wanted: Wanted) -> FramePlan:
    """Keep the start of every shot: the longest ones are cut first, and cards keep their length."""
    footage = target - natural.intro - natural.end_card
    shortest = max(1, round(SHORTEST_S * natural.fps))
    if footage < min(shortest, natural.footage):
        raise FinishError(
            f"Intro and end card take {float((natural.intro + natural.end_card) / natural.fps):.1f} s of at most "
            f"{float(target / natural.fps):.1f} s. Use a template with shorter cards or raise duration_s."
        )
    kept, notes = len(shots), tuple[str, ...]()
    transition = round(wanted.transition_s * natural.fps)
    while kept > 1 and _level(shots[:kept], footage, transition) < min(shortest, *shots[:kept]):
        kept -= 1
    if kept < len(shots):
        notes = (f"Only {kept} of {len(shots)} shots are shown, because the placement has no time for more.",)
    pieces = _cut(shots[:kept], footage, transition)
    return natural._replace(pieces=pieces, trimmed=natural.footage - footage, notes=notes)


def _level(shots: Sequence[int], footage: int, transition: int) -> int:
    """Return the largest length to which all shots can be cut, so that they fill no more than ``footage``."""
    low, high = 0, max(shots)
    while low < high:
        middle = (low + high + 1) // 2
        if length_of(_joined([min(frames, middle) for frames in shots], transition)) <= footage:
            low = middle
        else:
            high = middle - 1
    return low


def _cut(shots: Sequence[int], footage: int, transition: int) -> tuple[Piece, ...]:
    """Cut the shots to a level; the frames that remain are given to the first shots that have more."""
    level = _level(shots, footage, transition)
    pieces = list(_joined([max(1, min(frames, level)) for frames in shots], transition))
    missing = footage - length_of(pieces)
    for index, piece in enumerate(pieces):
        extra = min(missing, shots[index] - piece.frames)
        pieces[index] = piece._replace(frames=piece.frames + extra)
        missing -= extra
    return tuple(pieces)


def _extended(natural: FramePlan, shots: Sequence[int], target: int, wanted: Wanted) -> FramePlan:
    """Add frames: by the end card, by more footage, and only then by freezing the last frame."""
    missing = target - natural.frames
    if wanted.extension is Extension.NONE:
        raise FinishError(
            f"The deliverable lasts {natural.seconds:.1f} s, but it needs {float(target / natural.fps):.1f} s, and its "
            "footage must not be extended. Generate a longer clip, or set another way to extend it."
        )
    card = 0
    if wanted.extension in (Extension.AUTO, Extension.END_CARD):
        card = min(missing, (END_CARD_TIMES - 1) * natural.end_card)
    rest = missing - card
    pieces, notes = _more_footage(natural, shots, rest, wanted) if rest else (natural.pieces, ())
    return natural._replace(
        pieces=pieces, end_card=natural.end_card + card, added=rest, card_added=card, notes=natural.notes + notes
    )


def _more_footage(
    natural: FramePlan, shots: Sequence[int], rest: int, wanted: Wanted
) -> tuple[tuple[Piece, ...], tuple[str, ...]]:
    way = wanted.extension
    if way is Extension.AUTO:
        way = Extension.CROSSFADE if wanted.keeps_sound else Extension.PING_PONG
    last = natural.pieces[-1]
    if way is Extension.END_CARD or (way is Extension.PING_PONG and last.frames == 1):
        seconds = float(rest / natural.fps)
        why = "the end card cannot be made longer" if way is Extension.END_CARD else "the footage is a single picture"
        if way is Extension.END_CARD and not natural.end_card:
            why = "the template has no end card"
        frozen = Piece(last.shot, last.start + last.frames - 1, rest, 0)
        return (*natural.pieces, frozen), (f"The last frame is frozen for {seconds:.1f} s, because {why}.",)
    if way is Extension.PING_PONG:
        return (*natural.pieces, *_bounces(last.shot, shots[last.shot], rest)), ()
    overlap = round(CROSSFADE_S * natural.fps) if way is Extension.CROSSFADE else 0
    return _rounds(natural.pieces, rest, overlap), ()


def _bounces(shot: int, frames: int, rest: int) -> list[Piece]:
    """Return the shot backwards, forwards, backwards …; the frames where it turns are not repeated."""
    pieces, back = [], True
    while rest:
        part = min(rest, frames - 1)
        pieces.append(Piece(shot, frames - 2 if back else 1, part, -1 if back else 1))
        rest, back = rest - part, not back
    return pieces


def _rounds(first: tuple[Piece, ...], rest: int, overlap: int) -> tuple[Piece, ...]:
    """Return the pieces followed by as many repetitions as are needed; the last one ends early."""
    pieces, number = list(first), 0
    while rest > 0:
        piece = first[number % len(first)]
        if number % len(first) == 0:
            piece = piece._replace(overlap=min(overlap, piece.frames // 3, pieces[-1].frames // 3))
        frames = min(piece.frames, rest + piece.overlap)
        pieces.append(piece._replace(frames=frames))
        rest -= frames - piece.overlap
        number += 1
    return tuple(pieces)
