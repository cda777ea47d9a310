"""A plain re-encode: the same footage with the same settings of x264 and AAC, and nothing else."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from adapters.media.soundtrack.aac import add_aac_stream
from adapters.media.soundtrack.samples import RATE
from adapters.media.video import CODING, MUXING, PRESET
from manifests.finish.bitrate import AUDIO_KBPS, CRF

THREADS = 2


def reencode(source: Path, out: Path, seconds: int) -> None:
    """Decode the pictures and the sound of a film and encode them again, streamed."""
    with av.open(str(source)) as given, av.open(str(out), "w", format="mp4", options=MUXING) as made:
        video, audio = given.streams.video[0], given.streams.audio[0]
        pictures = made.add_stream(
            "libx264", rate=video.average_rate, options=CODING | {"crf": str(CRF), "preset": PRESET}
        )
        pictures.width, pictures.height, pictures.pix_fmt = video.width, video.height, "yuv420p"
        pictures.thread_count = THREADS
        sound = add_aac_stream(made, AUDIO_KBPS * 1000)
        resampler = av.AudioResampler("fltp", "stereo", RATE)
        left = round(seconds * Fraction(video.average_rate or 25))
        for packet in given.demux(video, audio):
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    if left > 0:
                        frame.pict_type = av.video.frame.PictureType.NONE
                        made.mux(pictures.encode(frame))
                    left -= 1
                elif isinstance(frame, av.AudioFrame) and float(frame.time or 0) < seconds:
                    made.mux(list(_sounds(frame, resampler, sound)))
        made.mux(list(_sounds(None, resampler, sound)))
        made.mux([*pictures.encode(None), *sound.encode(None)])


def _sounds(
    frame: av.AudioFrame | None, resampler: av.AudioResampler, sound: av.audio.stream.AudioStream
) -> "Iterator[av.Packet[Any]]":
    for part in resampler.resample(frame):
        yield from sound.encode(part)
