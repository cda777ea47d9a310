"""Encode a deliverable within the limits of its placement: bitrate, file size and loudness."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from adapters.media.compose.encoder import encode_pictures
from adapters.media.compose.footage import pictures_of
from adapters.media.compose.mux import CaptionTrack, mux
from adapters.media.compose.overlay import Overlay
from adapters.media.soundtrack.loudness import Aim, Loudness, first_aim, measure_file, next_aim
from adapters.media.soundtrack.samples import num_samples, silence
from manifests.finish.bitrate import AUDIO_KBPS, Measured, RateControl, next_rate
from manifests.finish.texts.language_codes import iso_639_2
from tasks.finish.parts import Parts
from tasks.finish.poster import poster_index
from tasks.finish.sound.soundtrack import aim_of, mixed

ATTEMPTS = 3
"""Encodings of the pictures, and mixes of the sound, until the file is within the limits."""


class Encoded(NamedTuple):
    """An encoded deliverable.

    Attributes:
        num_frames: number of its frames.
        poster: the I420 picture of the poster.
        loudness: of the file; None without sound.
        notes: what people should know, one sentence each.
    """

    num_frames: int
    poster: np.ndarray
    loudness: Loudness | None = None
    notes: tuple[str, ...] = ()


class _Pictures:
    """The pictures with their layers; keeps that of the poster while they are encoded."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._poster_index = poster_index(parts)
        self.poster = np.empty(0, np.uint8)

    def __iter__(self) -> Iterator[np.ndarray]:
        spec, footage = self._parts.spec, self._parts.footage
        below = pictures_of(footage.plan, footage.shots)
        overlay = Overlay(self._parts.layers.drawn, footage.plan.fps, spec.width, spec.height)
        for index, picture in enumerate(overlay.over(below)):
            if index == self._poster_index:
                self.poster = picture
            yield picture


def encode(parts: Parts, out: Path) -> Encoded:
    """Write the deliverable. The same parts give the same bytes.

    Raises:
        EncodingError: the file cannot be written.
        FinishError: the voice does not fit.
    """
    silent, plan = out.with_suffix(".silent.mp4"), parts.footage.plan
    rate: RateControl | None = RateControl()
    for _ in range(ATTEMPTS):
        assert rate is not None
        pictures = _Pictures(parts)
        number = encode_pictures(pictures, plan.fps, rate, silent)
        encoded = _with_sound(parts, silent, out, Encoded(number, pictures.poster))
        made = Measured(out.stat().st_size, plan.seconds)
        rate = next_rate(rate, made, parts.spec.preset, AUDIO_KBPS if encoded.loudness else 0)
        if rate is None:
            break
    silent.unlink()
    return encoded


def _with_sound(parts: Parts, silent: Path, out: Path, encoded: Encoded) -> Encoded:
    """Add sound and captions; mix again if the loudness of the encoded file is not as wanted."""
    spec, plan = parts.spec, parts.footage.plan
    language = iso_639_2(spec.locale)
    captions = CaptionTrack(parts.cues, language) if spec.captions and spec.captions.track else None
    if parts.tracks.is_silent:
        nothing = silence(num_samples(plan.frames / plan.fps)) if spec.preset.needs_audio else None
        mux(silent, out, nothing, captions, language)
        return encoded
    wanted = aim_of(spec)
    aim: Aim | None = first_aim(wanted)
    for _ in range(ATTEMPTS):
        assert aim is not None
        made = mixed(spec, parts.tracks, plan, aim)
        mux(silent, out, made.samples, captions, language)
        found = measure_file(out, is_own=True)
        aim = next_aim(found, wanted, aim, spec.preset.loudness_tolerance)
        if aim is None:
            break
    return encoded._replace(loudness=found, notes=made.notes)
