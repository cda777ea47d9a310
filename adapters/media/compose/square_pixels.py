"""A master whose pixels are not square, shown with square ones."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av

from adapters.media.compose.fit import Scaler
from adapters.media.compose.master import Master
from adapters.media.video_facts import VideoFacts


class SquareMaster(Master):
    """A master that is stretched to square pixels, as players do.

    Args:
        aspect: width of a pixel divided by its height.
    """

    def __init__(self, path: Path, facts: VideoFacts, aspect: Fraction) -> None:
        super().__init__(path, facts)
        self._stored = (self.width, self.height)
        self.width = max(2, round(self.width * aspect / 2) * 2)
        self._scaler = Scaler()

    def frames(self, fps: Fraction, start: int = 0, stop: int | None = None) -> Iterator[av.VideoFrame]:
        """Yield the stretched frames; see ``Master.frames``."""
        for frame in super().frames(fps, start, stop):
            same = self._stored == (self.width, self.height)
            yield frame if same else self._scaler.scale(frame, self.width, self.height)
