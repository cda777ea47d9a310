"""Decode videos frame by frame, with the colours that the stream's own tags describe."""

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from adapters.media.video_facts import VideoFacts, probe
from adapters.media.video_input import open_video
from manifests.errors import EncodingError

TO_RGB = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
"""Conversion tables by matrix, as numbered in ITU-T H.273."""
HD_HEIGHT = 720
"""Frames without tags are bt709 from this size of the shorter side and bt601 below, as players assume."""


def frames_of(path: Path) -> Iterator[np.ndarray]:
    """Yield the frames one by one, uint8 (height, width, 3), RGB, rotated as displayed.

    Raises:
        EncodingError: it is not a readable video.
    """
    return (to_rgb.pixels(frame) for frame, to_rgb in _decoded(path))


def frames_at(path: Path, indices: Iterable[int]) -> np.ndarray:
    """Return the frames with these indices, uint8 (n, height, width, 3), RGB, in the order of the indices.

    The frames before them are decoded too, but neither converted nor kept.

    Raises:
        EncodingError: it is not a readable video, or has fewer frames.
    """
    order = [int(index) for index in indices]
    wanted, found = set(order), dict[int, np.ndarray]()
    for index, (frame, to_rgb) in enumerate(_decoded(path)):
        if index in wanted:
            found[index] = to_rgb.pixels(frame)
        if len(found) == len(wanted):
            break
    if missing := wanted - found.keys():
        raise EncodingError(f"The video {path} has no frame {min(missing)}. It is damaged or truncated.")
    return np.stack([found[index] for index in order])


def last_frames(path: Path, number: int) -> np.ndarray:
    """Return at most ``number`` frames from the end, uint8 (n, height, width, 3), RGB.

    Raises:
        EncodingError: it is not a readable video.
    """
    frames = deque(frames_of(path), maxlen=number)
    if not frames:
        raise EncodingError(f"The video {path} contains no frames.")
    return np.stack(frames)


def read_frames(path: Path) -> np.ndarray:
    """Decode all frames: uint8 (n, height, width, 3), RGB. Only for short clips: 5 s of 1080p are 750 MB.

    Raises:
        EncodingError: it is not a readable video.
    """
    frames = list(frames_of(path))
    if not frames:
        raise EncodingError(f"The video {path} contains no frames.")
    return np.stack(frames)


class VideoFile:
    """The frames of a file, decoded when they are needed; can be iterated several times.

    Attributes:
        path: the file.
        facts: its properties.
    """

    def __init__(self, path: Path, facts: VideoFacts | None = None) -> None:
        self.path = path
        self.facts = facts or probe(path)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.facts.height, self.facts.width

    @property
    def num_frames(self) -> int:
        """Number of frames."""
        return self.facts.num_frames

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.facts.duration_s

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield the frames, uint8 (height, width, 3), RGB."""
        return frames_of(self.path)

    def at(self, indices: Iterable[int]) -> np.ndarray:
        """Return the frames with these indices, uint8 (n, height, width, 3)."""
        return frames_at(self.path, indices)


class ToRgb:
    """Converts the decoded frames of one stream to RGB, by the tags of each frame or else those of the container."""

    def __init__(self, stream: av.video.stream.VideoStream) -> None:
        # The decoder may overwrite them with the tags of the frames.
        self._matrix = int(stream.codec_context.colorspace)
        self._range = int(stream.codec_context.color_range)
        self._reformatter = VideoReformatter()

    def pixels(self, frame: av.VideoFrame) -> np.ndarray:
        """Return the pixels of a frame, uint8 (height, width, 3), RGB, rotated as displayed."""
        pixels = self._reformatter.reformat(
            frame,
            format="rgb24",
            src_colorspace=self._matrix_of(frame),
            src_color_range=self._range_of(frame),
            dst_color_range=ColorRange.JPEG,
            interpolation=TO_RGB,
            threads=1,
        ).to_ndarray()
        turns = round(frame.rotation / 90) % 4
        return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels

    def is_limited_bt709(self, frame: av.VideoFrame) -> bool:
        """Return whether a frame has the colours of our own clips: bt709 in the range 16..235."""
        return self._matrix_of(frame) == Colorspace.ITU709 and self._range_of(frame) == ColorRange.MPEG

    def _matrix_of(self, frame: av.VideoFrame) -> Colorspace:
        untagged = Colorspace.ITU709 if min(frame.height, frame.width) >= HD_HEIGHT else Colorspace.ITU601
        return MATRICES.get(int(frame.colorspace)) or MATRICES.get(self._matrix, untagged)

    def _range_of(self, frame: av.VideoFrame) -> ColorRange:
        if frame.format.name.startswith(("yuvj", "gbr", "rgb")):
            return ColorRange.JPEG
        tagged = int(frame.color_range) or self._range
        return ColorRange.JPEG if tagged == ColorRange.JPEG else ColorRange.MPEG


def _decoded(path: Path) -> Iterator[tuple[av.VideoFrame, ToRgb]]:
    with open_video(path) as container:
        to_rgb = ToRgb(container.streams.video[0])
        for frame in container.decode(video=0):
            yield frame, to_rgb
