"""Cut lists of clips for editing programs, in exact frames."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

SHARE = 3
"""A crossfade takes at most a third of each shot, as in finished deliverables."""


class Cut(NamedTuple):
    """A clip in a timeline.

    Attributes:
        name: for people.
        media: path of its file, relative to the package.
        frames: number of frames of the whole file.
        start: index of the first frame before the middle of the crossfade with the cut before.
        length: number of frames up to the middle of the crossfade with the next cut.
        fade: frames that are crossfaded with the cut before; 0 for a hard cut.
        item_id, sha256, prompt: of the clip.
    """

    name: str
    media: str
    frames: int
    start: int
    length: int
    fade: int = 0
    item_id: str = ""
    sha256: str = ""
    prompt: str = ""

    @property
    def fade_before(self) -> int:
        """Frames of the crossfade that are before the cut."""
        return self.fade // 2

    @property
    def fade_after(self) -> int:
        """Frames of the crossfade that are after the cut."""
        return self.fade - self.fade_before


class Timeline(NamedTuple):
    """Cuts in order, at one frame rate."""

    name: str
    fps: Fraction
    cuts: tuple[Cut, ...]

    @property
    def frames(self) -> int:
        """Length of the timeline."""
        return sum(cut.length for cut in self.cuts)


class Source(NamedTuple):
    """A file that is cut."""

    name: str
    media: str
    frames: int
    item_id: str = ""
    sha256: str = ""
    prompt: str = ""


def timeline_of(name: str, fps: Fraction, sources: Sequence[Source], transition_s: float = 0.0) -> Timeline:
    """Return the sources in order, joined by cuts or crossfades."""
    wanted = round(Fraction(transition_s) * fps)
    fades = [0, *(min(wanted, one.frames // SHARE, two.frames // SHARE) for one, two in pairwise(sources)), 0]
    cuts = []
    for index, source in enumerate(sources):
        before, after = fades[index], fades[index + 1]
        start = before // 2
        length = source.frames - start - (after - after // 2)
        cuts.append(Cut(source.name, source.media, source.frames, start, length, before, *source[3:]))
    return Timeline(name, fps, tuple(cuts))
