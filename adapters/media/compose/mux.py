"""Put the pictures, the sound and the captions of a deliverable into one MP4 file, index first."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np

from adapters.media.soundtrack.aac import BLOCK, aac_packets, add_aac_stream
from adapters.media.video import MUXING, appearing
from adapters.media.video_input import HEADERS_ONLY
from manifests.errors import EncodingError
from manifests.finish.bitrate import AUDIO_KBPS
from manifests.finish.cue import Cue

CUE_CLOCK = Fraction(1, 1000)
STYLES = b"""[Script Info]
ScriptType: v4.00+
PlayResX: 384
PlayResY: 288

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
"""The header that FFmpeg's mov_text encoder needs for its sample description."""


class CaptionTrack(NamedTuple):
    """Captions that players can switch on.

    Attributes:
        cues: in order, not overlapping.
        language: ISO 639-2 code, such as ``deu``.
    """

    cues: Sequence[Cue]
    language: str = "und"


def mux(
    pictures: Path,
    out: Path,
    samples: np.ndarray | None = None,
    captions: CaptionTrack | None = None,
    language: str = "und",
) -> None:
    """Copy the video stream of a file and add sound and captions. The file appears complete or not at all.

    The encoder's delay is removed by an edit list, so sound and pictures start at the same time and their lengths
    differ by at most 11 ms when decoded.

    Args:
        samples: float32 (2, n) at 48 kHz, -1..1, as long as the pictures; None for a silent file.
        language: ISO 639-2 code of the sound.

    Raises:
        EncodingError: the samples have another shape, or an encoder rejects them.
        DiskFullError: the disk is full.
    """
    if samples is not None and (samples.ndim != 2 or samples.shape[0] != 2 or not samples.shape[1]):
        raise EncodingError(f"Sound must have 2 channels of samples, not the shape {samples.shape}.")
    with appearing(out) as part:
        try:
            _write(pictures, part, samples, captions, language)
        except av.FFmpegError as error:
            raise EncodingError(f"Cannot write the sound and captions of {out}: {error}") from error


def _write(
    pictures: Path, part: Path, samples: np.ndarray | None, captions: CaptionTrack | None, language: str
) -> None:
    with (
        av.open(str(pictures), options=HEADERS_ONLY) as source,
        av.open(str(part), "w", format="mp4", options=_options(source)) as made,
    ):
        video = made.add_stream_from_template(source.streams.video[0])
        sound = None if samples is None else add_aac_stream(made, AUDIO_KBPS * 1000)
        text = _text_stream(made, captions.language) if captions and captions.cues else None
        if sound is not None:
            sound.metadata["language"] = language
        packets = _retargeted(source, video)
        made.mux(next(packets))
        if text is not None and captions:
            made.mux([_packet(cue, text) for cue in captions.cues])
        if sound is not None and samples is not None:
            made.mux(list(aac_packets(sound, _rounded(samples))))
        for packet in packets:
            made.mux(packet)


def _options(source: av.container.InputContainer) -> dict[str, str]:
    """Return options with a clock that counts frames and samples exactly."""
    rate = Fraction(source.streams.video[0].average_rate or 25)
    return MUXING | {"movie_timescale": str(rate.numerator * 1000)}


def _retargeted(source: av.container.InputContainer, video: av.video.stream.VideoStream) -> "Iterator[av.Packet[Any]]":
    for packet in source.demux(video=0):
        if packet.dts is not None:
            packet.stream = video
            yield packet


def _rounded(samples: np.ndarray) -> np.ndarray:
    """Return whole AAC frames, or a last one that is more than half full: decoders return the last one in full."""
    length = max(BLOCK, round(samples.shape[1] / BLOCK) * BLOCK)
    return np.clip(np.nan_to_num(samples[:, :length].astype(np.float32)), -1, 1)


def _text_stream(made: av.container.OutputContainer, language: str) -> Any:
    stream = made.add_stream("mov_text")
    stream.codec_context.subtitle_header = STYLES
    stream.codec_context.time_base = stream.time_base = CUE_CLOCK
    stream.metadata["language"] = language
    return stream


def _packet(cue: Cue, stream: Any) -> "av.Packet[Any]":
    """Return a sample of 3GPP timed text: its length in 16 bits, then UTF-8."""
    text = cue.text.encode()
    packet: av.Packet[Any] = av.Packet(len(text).to_bytes(2, "big") + text)
    packet.stream, packet.time_base = stream, CUE_CLOCK
    packet.pts = packet.dts = round(cue.start_s * 1000)
    packet.duration = round((cue.end_s - cue.start_s) * 1000)
    return packet
