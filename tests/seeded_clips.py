"""Small video files that fit a placement, and the same with one seeded violation."""

import tempfile
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from manifests.placements.facts import DrawnBox

RATE = 48_000
TONE_HZ = 997
SOUND_S = 30
"""Longest sound. That of an hour would take as long as all other files together."""
SCRATCH = tempfile.TemporaryDirectory(prefix="seeded-")
"""Pictures that several files share; removed when Python ends."""


class Picture(NamedTuple):
    """The video stream of a file: a grey gradient that becomes lighter."""

    width: int
    height: int
    fps: Fraction = Fraction(24)
    seconds: float = 1
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    kbps: int = 0
    aspect: Fraction = Fraction(1)
    is_variable: bool = False


class Recipe(NamedTuple):
    """A file.

    Attributes:
        level: amplitude of the tone; 0.2 is -14 LUFS. None for no sound.
        peak: height of a click in the tone; 0 for none.
        padded_to: size in bytes that a box without content fills up to; 0 for none.
        captions: formats of caption files next to the file.
        boxes: what finishing has drawn.
    """

    picture: Picture
    container: str = "mp4"
    level: float | None = 0.2
    peak: float = 0.0
    audio_codec: str = "aac"
    audio_kbps: int = 128
    padded_to: int = 0
    captions: tuple[str, ...] = ()
    boxes: tuple[DrawnBox, ...] = ()

    def changed(self, **values: object) -> "Recipe":
        """Return the recipe with other values, also those of its picture."""
        ours = {name: value for name, value in values.items() if name in self._fields}
        theirs = {name: value for name, value in values.items() if name not in ours}
        return self._replace(**ours, picture=self.picture._replace(**theirs))


def write_clip(recipe: Recipe, folder: Path, name: str = "clip") -> Path:
    """Write the file and its caption files, and return its path."""
    out = folder / f"{name}.{recipe.container}"
    with av.open(str(_picture_file(recipe.picture))) as source, av.open(str(out), "w", options=_muxing(recipe)) as made:
        video = made.add_stream_from_template(source.streams.video[0])
        sound = _sound_stream(made, recipe)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                made.mux(packet)
        if sound is not None:
            for frame in _tone(recipe):
                made.mux(sound.encode(frame))
            made.mux(sound.encode(None))
    _pad(out, recipe.padded_to)
    for ending in recipe.captions:
        (folder / f"{name}.{ending}").write_text("", "utf-8")
    return out


def _muxing(recipe: Recipe) -> dict[str, str]:
    return {"movflags": "+faststart"} if recipe.container in ("mp4", "mov", "3gp") else {}


@lru_cache(None)
def _picture_file(picture: Picture) -> Path:
    kind = "matroska" if "vpx" in picture.codec else "mov"
    out = Path(SCRATCH.name) / f"{len(list(Path(SCRATCH.name).iterdir()))}.{kind}"
    with av.open(str(out), "w", format=kind) as made:
        stream = made.add_stream(picture.codec, rate=picture.fps, options=_coding(picture))
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, picture.pixel_format
        stream.codec_context.time_base = 1 / (picture.fps * 4)
        stream.codec_context.sample_aspect_ratio = picture.aspect
        if picture.kbps:
            stream.bit_rate = picture.kbps * 1000
        for frame in _frames(picture):
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
    return out


def _coding(picture: Picture) -> dict[str, str]:
    if picture.codec != "libx264":
        return {}
    if not picture.kbps:
        return {"preset": "ultrafast", "crf": "30"}
    rate = str(picture.kbps * 1000)
    filled = {"maxrate": rate, "minrate": rate, "bufsize": rate, "x264-params": "nal-hrd=cbr:force-cfr=1"}
    return {"preset": "ultrafast"} | filled


def _frames(picture: Picture) -> Iterator[av.VideoFrame]:
    ramp = np.linspace(40, 180, picture.width, dtype=np.uint8)
    total = round(picture.seconds * picture.fps)
    for index in range(total):
        grey = np.broadcast_to(ramp + np.uint8(index % 30), (picture.height, picture.width))
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(grey), format="gray").reformat(
            format=picture.pixel_format
        )
        frame.pts = index * 4 + (index % 2 if picture.is_variable else 0)
        frame.time_base = 1 / (picture.fps * 4)
        yield frame


def _sound_stream(made: av.container.OutputContainer, recipe: Recipe) -> av.audio.stream.AudioStream | None:
    if recipe.level is None:
        return None
    stream = made.add_stream(recipe.audio_codec, rate=RATE, layout="stereo")
    stream.bit_rate = recipe.audio_kbps * 1000
    return stream


def _tone(recipe: Recipe) -> Iterator[av.AudioFrame]:
    seconds = min(recipe.picture.seconds, SOUND_S)
    times = np.arange(round(seconds * RATE)) / RATE
    wave = (recipe.level or 0) * np.sin(2 * np.pi * TONE_HZ * times)
    if recipe.peak:
        wave[len(wave) // 2 : len(wave) // 2 + 24] = recipe.peak
    samples = np.stack([wave, wave]).astype(np.float32)
    for start in range(0, samples.shape[1], 1024):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples[:, start : start + 1024]), format="fltp", layout="stereo"
        )
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        yield frame


def _pad(path: Path, size: int) -> None:
    """Enlarge an MP4 by a box without content; the file is sparse and takes no space on the disk."""
    missing = size - path.stat().st_size
    if missing < 16:
        return
    with path.open("ab") as file:
        file.write((1).to_bytes(4, "big") + b"free" + missing.to_bytes(8, "big"))
        file.truncate(size)
