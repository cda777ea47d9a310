"""Properties of video files, read from the file itself."""

from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
from av.video.reformatter import ColorRange

from adapters.media.mp4_boxes import read_boxes
from adapters.media.video_input import MAX_FRAMES, open_video
from manifests.errors import EncodingError

QUICKTIME = "qt  "
"""Major brand of MOV files."""
PIXEL_FORMATS = {"h264": ("yuv420p", "yuvj420p"), "hevc": ("yuv420p", "yuvj420p", "yuv420p10le")}
"""By codec of a master, the pixel formats that players decode."""
AUDIO_CODECS = ("", "aac", "mp3", "opus")
"""Audio codecs of a master; empty for none."""


class VideoFacts(NamedTuple):
    """Properties of a video file.

    Attributes:
        codec: FFmpeg's name of the codec, such as ``h264``, ``hevc``, ``vp9`` or ``av1``.
        profile: codec profile, such as ``High``.
        pix_fmt: FFmpeg's name of the pixel format, such as ``yuv420p``.
        primaries, transfer, matrix: numbers of ITU-T H.273; 1 is bt709, 2 is not specified.
        full_range: False for video levels 16..235.
        width, height: pixels as displayed, after the rotation.
        fps: average frame rate, exact.
        num_frames: frames that are shown; counted, not read from the index.
        duration_s: duration of the video stream.
        faststart: whether the index precedes the frames, so that playback starts immediately.
        bit_depth: bits per component.
        rotation: counterclockwise rotation for display, in degrees: 0, 90, 180 or 270.
        container: FFmpeg's name of the format, such as ``mov,mp4,m4a,3gp,3g2,mj2``.
        brand: major brand of an MP4 or MOV file.
        audio_codec: empty if there is no sound.
        audio_channels: 0 if there is no sound.
    """

    codec: str
    profile: str
    pix_fmt: str
    primaries: int
    transfer: int
    matrix: int
    full_range: bool
    width: int
    height: int
    fps: Fraction
    num_frames: int
    duration_s: float
    faststart: bool
    bit_depth: int = 8
    rotation: int = 0
    container: str = ""
    brand: str = ""
    audio_codec: str = ""
    audio_channels: int = 0

    @property
    def has_audio(self) -> bool:
        """Whether the file has sound."""
        return bool(self.audio_codec)

    @property
    def is_mp4(self) -> bool:
        """Whether it is an MP4 file, and not a MOV file."""
        return self.brand not in ("", QUICKTIME) and "mp4" in self.container.split(",")

    @property
    def can_be_master(self) -> bool:
        """Whether the file can be published unchanged: an MP4 that players decode. Other files are transcoded."""
        return self.is_mp4 and self.pix_fmt in PIXEL_FORMATS.get(self.codec, ()) and self.audio_codec in AUDIO_CODECS


def probe(path: Path, *, is_limited: bool = True, is_own: bool = False) -> VideoFacts:
    """Read the properties of a video file and count its frames.

    Args:
        is_limited: whether a video with more than MAX_FRAMES frames is an error.
        is_own: whether the file was made here, so that its headers are complete and opening it need decode no frames.

    Raises:
        EncodingError: it is not a readable video: missing, of another format, truncated, encrypted or too large.
    """
    with open_video(path, is_known=is_own) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        duration_s = _duration_s(container, stream)
        # Decoding a frame may overwrite the tags of the container.
        tags = (context.color_primaries, context.color_trc, context.colorspace, context.color_range)
        num_frames, rotation = _frames(path, container, stream, MAX_FRAMES if is_limited else None)
        sides = (context.height, context.width) if rotation % 180 else (context.width, context.height)
        boxes, sound = read_boxes(path), _sound(container)
        return VideoFacts(
            codec=context.codec.canonical_name,
            profile=context.profile or "",
            pix_fmt=context.pix_fmt or "",
            primaries=tags[0],
            transfer=tags[1],
            matrix=tags[2],
            full_range=tags[3] == ColorRange.JPEG or (context.pix_fmt or "").startswith("yuvj"),
            width=sides[0],
            height=sides[1],
            fps=Fraction(stream.average_rate or 0),
            num_frames=num_frames,
            duration_s=duration_s,
            faststart=boxes.faststart,
            bit_depth=max((part.bits for part in context.format.components), default=8) if context.format else 8,
            rotation=rotation,
            container=container.format.name,
            brand=boxes.brand,
            audio_codec=sound.codec_context.codec.canonical_name if sound else "",
            audio_channels=sound.codec_context.channels if sound else 0,
        )


def _sound(container: av.container.InputContainer) -> av.audio.stream.AudioStream | None:
    """Return the first audio stream; None if there is none, or its codec is not known."""
    return next((stream for stream in container.streams.audio if stream.codec_context is not None), None)


def _duration_s(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> float:
    """Return the duration of the stream, or else that of the file: WebM files only have the latter."""
    if stream.duration is not None and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else 0.0


def _frames(
    path: Path, container: av.container.InputContainer, stream: av.video.stream.VideoStream, max_frames: int | None
) -> tuple[int, int]:
    """Return the number of frames and the rotation.

    Frames are counted without decoding them; frames outside the edit list are not shown. Only the first frame is
    decoded, which is where the display matrix is readable.
    """
    number, first = 0, None
    for packet in container.demux(stream):
        if packet.is_corrupt:
            raise EncodingError(f"Cannot read the video {path}: it is damaged or truncated.")
        if first is None:
            first = next((frame for frame in packet.decode() if isinstance(frame, av.VideoFrame)), None)
        number += bool(packet.size) and not packet.is_discard
        if max_frames is not None and number > max_frames:
            raise EncodingError(f"Cannot read the video {path}: it has more than {max_frames} frames.")
    if not number:
        raise EncodingError(f"The video {path} contains no frames.")
    return number, round(first.rotation / 90) * 90 % 360 if first is not None else 0
