"""Measure what the placement linter checks: a file, its streams, its sound, and the caption files next to it."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from adapters.media.soundtrack.long_loudness import measure_long_file
from adapters.media.soundtrack.loudness import measure_file
from adapters.media.soundtrack.samples import MAX_S
from adapters.media.video_facts import QUICKTIME, VideoFacts, probe
from adapters.media.video_input import open_video
from manifests.placements.facts import DrawnBox, FileFacts

CAPTION_FORMATS = ("srt", "vtt")
CONSTANT_S = 0.0015
"""Formats such as WebM round time stamps to milliseconds, so that frames of the same length seem to differ by one."""
EBML_HEADER = 64
"""The header of Matroska files, which names WebM, is shorter than this number of bytes."""
SHORT_NAMES = {"mpegvideo": "mpeg", "mpegts": "ts"}


def measure(
    path: Path,
    *,
    caption_files: Iterable[str] | None = None,
    burnt_captions: bool = False,
    boxes: Iterable[DrawnBox] = (),
    with_loudness: bool = True,
    is_own: bool = False,
) -> FileFacts:
    """Measure a video file.

    Args:
        caption_files: formats of its caption files; None to look next to the file for ``NAME.srt`` and
            ``NAME.de.vtt``.
        burnt_captions, boxes: what finishing has drawn, if it is known.
        with_loudness: whether loudness and true peak are measured, for which all the sound is decoded.
        is_own: whether the file was made here; see ``probe``.

    Raises:
        EncodingError: it is not a readable video.
    """
    facts, streams = probe(path, is_limited=False, is_own=is_own), _streams(path, is_own)
    sound = _sound(path, facts) if with_loudness else _Sound()
    return FileFacts(
        container=_container(path, facts),
        codec=facts.codec,
        pixel_format=facts.pix_fmt or _pixel_format(path),
        width=facts.width,
        height=facts.height,
        fps=facts.fps,
        duration_s=facts.duration_s,
        size_bytes=path.stat().st_size,
        sample_aspect=1 / streams.sample_aspect if facts.rotation % 180 else streams.sample_aspect,
        is_rotated=bool(facts.rotation),
        constant_fps=streams.constant_fps,
        audio_codec=facts.audio_codec,
        is_silent=sound.is_silent,
        loudness_lufs=sound.lufs,
        true_peak_dbtp=sound.true_peak_dbtp,
        caption_tracks=streams.caption_tracks,
        caption_files=tuple(_formats_beside(path) if caption_files is None else caption_files),
        burnt_captions=burnt_captions,
        boxes=tuple(boxes),
    )


class _Streams(NamedTuple):
    """What the packets of a file show, without decoding them."""

    sample_aspect: Fraction
    constant_fps: bool
    caption_tracks: tuple[str, ...]


def _streams(path: Path, is_own: bool) -> _Streams:
    with open_video(path, is_known=is_own) as container:
        video = container.streams.video[0]
        shown = (packet for packet in container.demux(video) if packet.size and not packet.is_discard)
        times = [float(packet.pts * packet.time_base) for packet in shown if packet.pts is not None]
        return _Streams(
            sample_aspect=video.sample_aspect_ratio or Fraction(1),
            constant_fps=_is_constant(sorted(times)),
            caption_tracks=tuple(stream.language or "und" for stream in container.streams.subtitles),
        )


def _pixel_format(path: Path) -> str:
    """Return the pixel format of the first frame: in files with few frames per second, the header does not show it."""
    with open_video(path) as container:
        frame = next(container.decode(video=0), None)
        return frame.format.name if frame else ""


def _is_constant(times: list[float]) -> bool:
    """Return whether the distances between frames are equal, apart from rounding."""
    steps = [after - before for before, after in pairwise(times)]
    return not steps or max(steps) - min(steps) <= 2 * CONSTANT_S


class _Sound(NamedTuple):
    """Loudness of the sound."""

    lufs: float | None = None
    true_peak_dbtp: float | None = None
    is_silent: bool = False


def _sound(path: Path, facts: VideoFacts) -> _Sound:
    if not facts.audio_codec:
        return _Sound()
    found = measure_long_file(path) if facts.duration_s > MAX_S else measure_file(path)
    return _Sound(found.lufs, found.true_peak_dbtp, found.is_silent)


def _container(path: Path, facts: VideoFacts) -> str:
    """Return the name that presets use; FFmpeg has one name for MP4 and MOV, and one for Matroska and WebM."""
    names = facts.container.split(",")
    if "matroska" in names:
        with path.open("rb") as file:
            return "webm" if b"webm" in file.read(EBML_HEADER) else "mkv"
    if "mp4" not in names:
        return SHORT_NAMES.get(names[0], names[0])
    if facts.brand.startswith(("3gp", "3g2")):
        return "3gp"
    return "mov" if facts.brand in (QUICKTIME, "") else "mp4"


def _formats_beside(path: Path) -> Iterator[str]:
    """Yield the formats of the caption files that belong to a video: ``NAME.srt`` or ``NAME.LANGUAGE.srt``."""
    others = [other for other in path.parent.iterdir() if other.name.startswith(f"{path.stem}.")]
    for ending in CAPTION_FORMATS:
        if any(other.suffix.lower() == f".{ending}" for other in others):
            yield ending
