"""Times of captions: from the clauses of the voice, or by reading speed without one."""

from bisect import bisect_left
from collections.abc import Sequence

from manifests.finish.captions.limits import MAX_S, MIN_S, limits_of, width_of
from manifests.finish.captions.split import Token, joined, letters_in, lines_of, split_text
from manifests.finish.cue import Cue

Clause = tuple[str, float, float]
"""Text, start and end in seconds: the fields of ``models.voice.speech.Clause``."""
_CLOSE_S = 0.3
"""Pauses up to this length stay covered by the caption before them, so that captions do not flicker."""


def caption_timing(
    text: str, language: str, end_s: float, clauses: Sequence[Clause] = (), start_s: float = 0.0
) -> list[Cue]:
    """Return the captions of a plain text; they do not overlap, and are between the two times.

    Args:
        language: tag such as ``de`` or ``ar-EG``.
        end_s: end of the last caption at the latest, in seconds.
        clauses: what the voice speaks, with times that count from the start of the voice; empty without a voice.
        start_s: when the voice begins, or from when on captions may be shown without a voice.

    Raises:
        ValueError: the voice ends after ``end_s``, or ``end_s`` is not after ``start_s``.
    """
    if end_s <= start_s:
        raise ValueError(f"Captions from {start_s:g} s to {end_s:g} s have no length. Make the clip longer.")
    if not clauses:
        return _spread(text, language, start_s, end_s)
    if start_s + clauses[-1][2] > end_s + 0.001:
        raise ValueError(
            f"The voice ends at {start_s + clauses[-1][2]:.1f} s, but captions must end at {end_s:.1f} s. Shorten the "
            "script, or make the clip longer."
        )
    return _spoken(text, language, [(t, start_s + a, start_s + b) for t, a, b in clauses], end_s)


def fitted(cues: Sequence[Cue], end_s: float, start_s: float = 0.0) -> list[Cue]:
    """Return cues that were written by hand, shifted by ``start_s``, in order, without overlap, and cut at ``end_s``.

    A cue that starts at ``end_s`` or later is left out; ``reading_warnings`` reports it when the sheet is checked.
    """
    shifted = sorted(Cue(cue.start_s + start_s, cue.end_s + start_s, cue.text) for cue in cues)
    following = [*(cue.start_s for cue in shifted[1:]), end_s]
    cut = [Cue(cue.start_s, min(cue.end_s, end, end_s), cue.text) for cue, end in zip(shifted, following, strict=False)]
    return [cue for cue in cut if cue.end_s > cue.start_s and cue.text.strip()]


def _spread(text: str, language: str, start_s: float, end_s: float) -> list[Cue]:
    """Share the time among the captions by their length, each of at least MIN_S if the time is long enough."""
    groups = split_text(text, language)
    lengths = _shares([max(width_of(joined(group), language), 1.0) for group in groups], end_s - start_s)
    cues, time = [], start_s
    for group, length in zip(groups, lengths, strict=True):
        end = min(round(time + length, 3), end_s)
        cues.append(Cue(time, round(min(end, time + MAX_S), 3), lines_of(group, language)))
        time = end
    return cues


def _shares(weights: Sequence[float], seconds: float) -> list[float]:
    """Divide a time by weights; shares that would be too short get MIN_S, unless there is not enough time for all."""
    if seconds <= MIN_S * len(weights):
        return [seconds * weight / sum(weights) for weight in weights]
    short: set[int] = set()
    while True:
        rest = seconds - MIN_S * len(short)
        total = sum(weight for index, weight in enumerate(weights) if index not in short) or 1.0
        shares = [MIN_S if index in short else rest * weight / total for index, weight in enumerate(weights)]
        more = {index for index, share in enumerate(shares) if share < MIN_S - 1e-9} - short
        if not more:
            return shares
        short |= more


def _spoken(text: str, language: str, clauses: Sequence[Clause], end_s: float) -> list[Cue]:
    spoken, own = sum(letters_in(clause[0]) for clause in clauses), letters_in(text)
    if not own or not spoken:
        return _spread(text, language, clauses[0][1], end_s)
    clock = _Clock(clauses, spoken, own)
    groups = split_text(text, language, clock.clause_ends)
    starts = [clock.start_after(before) for before in _letters_before(groups)]
    ends = [clock.end_at(group[-1].letters) for group in groups]
    return [
        Cue(start, _end(group, language, start, end, following), lines_of(group, language))
        for group, start, end, following in zip(groups, starts, ends, [*starts[1:], end_s], strict=True)
        if following > start
    ]


def _letters_before(groups: Sequence[Sequence[Token]]) -> list[int]:
    return [0, *(group[-1].letters for group in groups[:-1])]


def _end(group: Sequence[Token], language: str, start: float, spoken_end: float, following: float) -> float:
    """Return the end of a caption: long enough to be read, but before the next one begins."""
    readable = start + max(MIN_S, width_of(joined(group), language) / limits_of(language).chars_per_s)
    end = min(max(spoken_end, readable), following, start + MAX_S)
    return following if following - end < _CLOSE_S and following - start <= MAX_S else round(end, 3)


class _Clock:
    """When each letter of the captions is spoken. Captions that differ from the script are scaled to its length."""

    def __init__(self, clauses: Sequence[Clause], spoken: int, own: int) -> None:
        self._clauses = [clause for clause in clauses if letters_in(clause[0])]
        self._scale = own / spoken
        total = 0
        self._ends: list[float] = []
        for clause in self._clauses:
            total += letters_in(clause[0])
            self._ends.append(total * self._scale)

    @property
    def clause_ends(self) -> frozenset[int]:
        """Numbers of letters after which a clause ends."""
        return frozenset(round(end) for end in self._ends)

    def start_after(self, letters: int) -> float:
        """Return when the letter after the first ``letters`` begins."""
        return self._time(letters + 1e-6 + self._near(letters))

    def end_at(self, letters: int) -> float:
        """Return when the last of the first ``letters`` ends."""
        return self._time(letters - 1e-6 + self._near(letters))

    def _near(self, letters: int) -> float:
        """Return what moves a number of letters to the end of a clause that was rounded to it."""
        return next((end - letters for end in self._ends if round(end) == letters), 0.0)

    def _time(self, letters: float) -> float:
        index = min(bisect_left(self._ends, letters), len(self._ends) - 1)
        low = self._ends[index - 1] if index else 0.0
        share = (letters - low) / (self._ends[index] - low)
        _, start, end = self._clauses[index]
        return round(start + (end - start) * min(max(share, 0.0), 1.0), 3)
