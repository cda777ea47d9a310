"""The masters of a deliverable, decoded frame by frame at the frame rate of the deliverable."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.video.reformatter import VideoReformatter

from adapters.media.mp4_boxes import read_boxes
from adapters.media.video import to_yuv
from adapters.media.video_facts import VideoFacts, probe
from adapters.media.video_frames import ToRgb
from adapters.media.video_input import open_video
from manifests.errors import EncodingError

ROUNDED_S = 0.0015
"""Formats that round times to milliseconds show a frame slightly too late."""


class Master:
    """A master. Its frames can be read several times, and are never all in memory.

    Attributes:
        path: the file.
        facts: its properties.
        seconds: length of the pictures, exact for a constant frame rate.
        width, height: size of its frames as displayed, both even: the last row or column of odd sizes is left out.
    """

    def __init__(self, path: Path, facts: VideoFacts | None = None) -> None:
        self.path = path
        self.facts = facts or probe(path, is_own=_is_mp4(path))
        self.width, self.height = self.facts.width // 2 * 2, self.facts.height // 2 * 2
        self.seconds = _seconds(path, self.facts)

    def num_frames(self, fps: Fraction) -> int:
        """Return the number of frames at a frame rate."""
        return max(1, round(self.seconds * fps))

    def frames(self, fps: Fraction, start: int = 0, stop: int | None = None) -> Iterator[av.VideoFrame]:
        """Yield the frames from ``start`` to before ``stop`` at a constant frame rate, yuv420p in bt709, limited range.

        Each one is the frame that a player shows at that time. A frame may be yielded more than once; do not change it.

        Raises:
            EncodingError: the file is not a readable video.
        """
        stop = self.num_frames(fps) if stop is None else min(stop, self.num_frames(fps))
        index, shown, converted, rate = 0, None, None, float(fps)
        with open_video(self.path, is_known=True) as container:
            stream = container.streams.video[0]
            converter, first = _ToBt709(stream), None
            for frame in container.decode(video=0):
                first = _time(frame) if first is None else first
                while shown is not None and index < stop and index / rate + ROUNDED_S < _time(frame) - first:
                    if index >= start:
                        converted = converted or converter.convert(shown)
                        yield converted
                    index += 1
                shown, converted = frame, None
                if index >= stop:
                    return
            if shown is None:
                raise EncodingError(f"The video {self.path} contains no frames.")
            last = converter.convert(shown)
            yield from (last for each in range(index, stop) if each >= start)


def _is_mp4(path: Path) -> bool:
    """Return whether the headers of a file are complete; those of other formats may lack what the frames have."""
    try:
        return bool(read_boxes(path).brand)
    except OSError:  # reported when the file is opened
        return False


def _seconds(path: Path, facts: VideoFacts) -> Fraction:
    """Return the length; that of a variable frame rate is read from the times of the frames."""
    if facts.fps and abs(facts.num_frames / facts.fps - Fraction(facts.duration_s)) < Fraction(1, 2) / facts.fps:
        return facts.num_frames / facts.fps
    frame_s = 1 / (facts.fps or Fraction(25))
    first, last = None, (Fraction(0), frame_s)
    with open_video(path) as container:
        for packet in container.demux(video=0):
            if packet.pts is not None and not packet.is_discard:
                time = Fraction(packet.pts * packet.time_base)
                first = time if first is None else min(first, time)
                last = max(last, (time, Fraction((packet.duration or 0) * packet.time_base) or frame_s))
    return last[0] + last[1] - (first or 0)


def _time(frame: av.VideoFrame) -> float:
    return float(frame.time or 0.0)


class _ToBt709:
    """Converts the frames of one stream to yuv420p in bt709, limited range, if they are not."""

    def __init__(self, stream: av.video.stream.VideoStream) -> None:
        self._to_rgb, self._reformatter = ToRgb(stream), VideoReformatter()

    def convert(self, frame: av.VideoFrame) -> av.VideoFrame:
        if self._to_rgb.is_limited_bt709(frame) and frame.format.name == "yuv420p" and not frame.rotation:
            return frame
        pixels = self._to_rgb.pixels(frame)
        height, width = pixels.shape[0] // 2 * 2, pixels.shape[1] // 2 * 2
        return to_yuv(pixels[:height, :width], self._reformatter)
