"""Convert videos that some players do not support to MP4 with H.264 and AAC."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.video.reformatter import ColorRange, VideoReformatter

from adapters.media.video import BT709, CODING, MUXING, PRESET, appearing, to_yuv
from adapters.media.video_facts import VideoFacts
from adapters.media.video_frames import ToRgb
from adapters.media.video_input import open_video
from manifests.errors import EncodingError

TRANSCODE_CRF = 18
"""Lower than for our own clips, because the frames have been encoded before and the second encoding adds loss."""
CLOCK = Fraction(1, 90_000)
"""Unit of the time stamps: the frames keep their times, also at a variable frame rate."""
ROUNDED_S = 0.0015
RATES = (44_100, 48_000)
"""Sample rates that are kept; others become the last one."""


def transcode(source: Path, facts: VideoFacts, out: Path, crf: int = TRANSCODE_CRF, threads: int = 2) -> None:
    """Write a video as H.264 High in yuv420p and bt709, with its sound as AAC, index first.

    The frames keep their times; a rotation is applied to the pixels. Odd sizes lose a row or a column. AAC is copied.

    Args:
        facts: properties of the source.

    Raises:
        EncodingError: the source is not a readable video, or the encoder rejects it.
        DiskFullError: the disk is full.
    """
    with appearing(out) as part:
        try:
            _write(source, facts, part, CODING | {"crf": str(crf), "preset": PRESET}, threads)
        except av.FFmpegError as error:
            raise EncodingError(f"Cannot transcode the video {source}: {error}") from error


class _Sound(NamedTuple):
    """The sound of the source and of the target; without a resampler, packets are copied."""

    source: av.audio.stream.AudioStream
    target: av.audio.stream.AudioStream
    resampler: av.AudioResampler | None


def _write(source: Path, facts: VideoFacts, part: Path, options: dict[str, str], threads: int) -> None:
    with open_video(source) as given, av.open(str(part), "w", format="mp4", options=MUXING) as made:
        video, reformatter = given.streams.video[0], VideoReformatter()
        pictures, sound, to_rgb = _pictures(made, facts, options, threads), _sound(given, made), ToRgb(video)
        for packet in given.demux([video, sound.source] if sound else [video]):
            if sound and packet.stream is sound.source:
                made.mux(list(_sounds(packet, sound)))
                continue
            for frame in video.decode(packet):
                target = to_yuv(_even(to_rgb.pixels(frame)), reformatter)
                target.pts, target.time_base = _ticks(frame, facts.fps), CLOCK
                made.mux(pictures.encode(target))
        made.mux(pictures.encode(None))
        if sound and sound.resampler:
            made.mux([*_encoded(sound, None), *sound.target.encode(None)])


def _pictures(
    made: av.container.OutputContainer, facts: VideoFacts, options: dict[str, str], threads: int
) -> av.video.stream.VideoStream:
    stream = made.add_stream("libx264", rate=facts.fps or 24, options=options)
    stream.height, stream.width = facts.height // 2 * 2, facts.width // 2 * 2
    stream.pix_fmt = "yuv420p"
    stream.thread_count = threads
    context = stream.codec_context
    context.time_base = CLOCK
    context.color_primaries = context.color_trc = context.colorspace = BT709
    context.color_range = ColorRange.MPEG
    return stream


def _ticks(frame: av.VideoFrame, fps: Fraction) -> int:
    """Return a frame's time. Formats that round times to milliseconds would make a constant rate a variable one."""
    time = float(frame.time or 0)
    regular = Fraction(round(time * fps)) / fps if fps else Fraction(0)
    return round((regular if abs(regular - time) < ROUNDED_S else Fraction(time)) / CLOCK)


def _even(pixels: np.ndarray) -> np.ndarray:
    height, width = (side // 2 * 2 for side in pixels.shape[:2])
    return np.ascontiguousarray(pixels[:height, :width])


def _sound(given: av.container.InputContainer, made: av.container.OutputContainer) -> _Sound | None:
    source = next((each for each in given.streams.audio if each.codec_context is not None), None)
    if source is None:
        return None
    context = source.codec_context
    if context.codec.canonical_name == "aac" and context.extradata:
        return _Sound(source, made.add_stream_from_template(source), None)
    rate = context.sample_rate if context.sample_rate in RATES else RATES[-1]
    layout = "mono" if context.channels == 1 else "stereo"
    target = made.add_stream("aac", rate=rate, layout=layout)
    return _Sound(source, target, av.AudioResampler("fltp", layout, rate))


def _sounds(packet: "av.Packet[Any]", sound: _Sound) -> "Iterator[av.Packet[Any]]":
    if sound.resampler is None:
        if packet.size:
            packet.stream = sound.target
            yield packet
        return
    for frame in sound.source.decode(packet):
        yield from _encoded(sound, frame)


def _encoded(sound: _Sound, frame: av.AudioFrame | None) -> "Iterator[av.Packet[Any]]":
    assert sound.resampler is not None
    for part in sound.resampler.resample(frame):
        yield from sound.target.encode(part)
