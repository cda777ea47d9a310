"""Measured properties of a video file, which the linter compares with the requirements of a placement."""

from fractions import Fraction
from typing import NamedTuple


class DrawnBox(NamedTuple):
    """A rectangle that finishing has drawn, such as a button, in pixels from the top left corner of the frame."""

    name: str
    x: float
    y: float
    width: float
    height: float


class FileFacts(NamedTuple):
    """Properties of a video file.

    Attributes:
        container: ``mp4``, ``mov``, ``webm`` or another name that presets use.
        codec: FFmpeg's name of the video codec; empty if it is not known.
        pixel_format: FFmpeg's name, such as ``yuv420p``.
        width, height: pixels as displayed, after the rotation.
        is_rotated: whether players rotate the frames.
        sample_aspect: width of a pixel divided by its height.
        fps: average frames per second, exact; 0 if it is not known.
        constant_fps: whether all frames have the same length.
        duration_s: length of the picture in seconds.
        size_bytes: file size.
        audio_codec: empty if there is no sound.
        is_silent: whether there is sound that nobody can hear; False if it was not measured.
        loudness_lufs, true_peak_dbtp: None if there is no sound, if it is silent or if it was not measured.
        caption_tracks: languages of the caption tracks inside the file; ``und`` if it is not known.
        caption_files: formats of the caption files next to the file: ``srt``, ``vtt``.
        burnt_captions: whether captions are part of the picture; only finishing knows.
        boxes: what finishing has drawn; only finishing knows.
    """

    container: str
    codec: str
    pixel_format: str
    width: int
    height: int
    fps: Fraction
    duration_s: float
    size_bytes: int
    sample_aspect: Fraction = Fraction(1)
    is_rotated: bool = False
    constant_fps: bool = True
    audio_codec: str = ""
    is_silent: bool = False
    loudness_lufs: float | None = None
    true_peak_dbtp: float | None = None
    caption_tracks: tuple[str, ...] = ()
    caption_files: tuple[str, ...] = ()
    burnt_captions: bool = False
    boxes: tuple[DrawnBox, ...] = ()

    @property
    def has_audio(self) -> bool:
        """Whether the file has sound, which may be silent."""
        return bool(self.audio_codec)

    @property
    def display_ratio(self) -> float:
        """Width of the picture as displayed divided by its height; 0 if the size is not known."""
        return self.width * float(self.sample_aspect) / self.height if self.height else 0.0

    @property
    def kbps(self) -> float:
        """Bitrate of the whole file in kbit/s; 0 if the length is not known."""
        return self.size_bytes * 8 / 1000 / self.duration_s if self.duration_s > 0 else 0.0
