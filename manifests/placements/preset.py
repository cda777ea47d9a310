"""Requirements of a placement. They are data: ``adapters/presets/placements/*.yaml``, with source and date."""

from typing import Annotated, Literal

from pydantic import Field

from manifests.finish.record import FinishRecord

Fraction = Annotated[float, Field(ge=0, lt=1)]


class SafeZone(FinishRecord):
    """Margins of the frame that the platform covers with its own controls, as fractions of its height and width."""

    top: Fraction = 0.0
    right: Fraction = 0.0
    bottom: Fraction = 0.0
    left: Fraction = 0.0


class FrameSize(FinishRecord):
    """Sizes in one aspect ratio: what we make, and the least and the most that the platform accepts, in pixels.

    A minimum or maximum of 0 means that the platform gives none.
    """

    width: int
    height: int
    min_width: int = 0
    min_height: int = 0
    max_width: int = 0
    max_height: int = 0


class PlacementPreset(FinishRecord):
    """Requirements of one placement. None means that the platform gives no limit.

    Attributes:
        name: ``tiktok-auction``.
        title: for people.
        channels: channels of the sheet (``manifests.placement.CHANNELS``) that use this preset by default.
        sizes: by aspect ratio; other ratios are violations.
        min_s, max_s: length in seconds.
        lengths_s: the only lengths that are accepted, in seconds and in ascending order; empty for any length.
        containers: ``mp4``, ``mov``, …; the first is made.
        square_pixels: whether a sample aspect ratio other than 1:1 is a violation.
        codecs: video codecs as FFmpeg names them; the first is made.
        pixel_formats: as FFmpeg names them; empty for any.
        min_kbps, max_kbps: bitrate of the whole file in kbit/s.
        min_bytes, max_bytes: file size.
        min_fps, max_fps: frame rate.
        constant_fps: whether a variable frame rate is a violation.
        needs_audio: whether a silent file is a violation.
        audio_codecs: as FFmpeg names them; empty for any.
        min_audio_kbps: bitrate in kbit/s that the sound is encoded with, at least. It is not checked in files, because
            silence and calm passages need less.
        loudness_lufs, loudness_tolerance, true_peak_dbtp: sound.
        safe_zones: by aspect ratio; ``default`` for others.
        captions: ``none``, ``recommended`` or ``required`` (burnt in, or as a file that the platform accepts).
        caption_files: formats that the platform accepts: ``srt``, ``vtt``.
        sources: URLs, and what each says, if they conflict.
        read: date of reading, ISO 8601.
        status: ``primary`` (the platform's own page), ``secondary`` or ``general`` (no platform). It describes the
            limits; ``notes`` names values that come from other pages.
        notes: what people should know, one sentence each.
    """

    name: str
    title: str
    channels: tuple[str, ...] = ()
    sizes: dict[str, FrameSize]
    min_s: float | None = None
    max_s: float | None = None
    lengths_s: tuple[float, ...] = ()
    containers: tuple[str, ...] = ("mp4",)
    codecs: tuple[str, ...] = ("h264",)
    pixel_formats: tuple[str, ...] = ()
    square_pixels: bool = False
    min_kbps: float | None = None
    max_kbps: float | None = None
    min_bytes: int | None = None
    max_bytes: int | None = None
    min_fps: float | None = None
    max_fps: float | None = None
    constant_fps: bool = False
    needs_audio: bool = False
    audio_codecs: tuple[str, ...] = ()
    min_audio_kbps: float | None = None
    loudness_lufs: float = -14.0
    loudness_tolerance: float = 0.5
    true_peak_dbtp: float = -1.0
    safe_zones: dict[str, SafeZone] = Field(default_factory=dict)
    captions: Literal["none", "recommended", "required"] = "none"
    caption_files: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    read: str = ""
    status: Literal["primary", "secondary", "general"] = "general"
    notes: tuple[str, ...] = ()

    def safe_zone(self, aspect_ratio: str) -> SafeZone:
        """Return the safe zone of an aspect ratio."""
        return self.safe_zones.get(aspect_ratio) or self.safe_zones.get("default") or SafeZone()
