"""Encode a deliverable within the limits of its placement: bitrate, file size and loudness."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from adapters.media.compose.encoder import encode_pictures
from adapters.media.compose.footage import pictures_of
from adapters.media.compose.mux import CaptionTrack, mux
from adapters.media.compose.overlay import Overlay
from adapters.media.soundtrack.loudness import Aim, Loudness, measure_file, next_aim
from adapters.media.soundtrack.samples import num_samples, silence
from manifests.finish.bitrate import AUDIO_KBPS, Measured, RateControl, next_rate
from manifests.finish.spec import DeliverableSpec
from tasks.finish.footage import Footage
from tasks.finish.layers import Layers
from tasks.finish.soundtrack import Tracks, aim_of, mixed

ATTEMPTS = 3
"""Encodings of the pictures, and mixes of the sound, until the file is within the limits."""


class Encoded(NamedTuple):
    """An encoded deliverable: loudness of the file, None without sound, and what people should know."""

    loudness: Loudness | None
    notes: tuple[str, ...]


def encode(
    spec: DeliverableSpec,
    footage: Footage,
    layers: Layers,
    tracks: Tracks,
    captions: CaptionTrack | None,
    language: str,
    out: Path,
) -> Encoded:
    """Write the deliverable. The same inputs give the same bytes.

    Args:
        language: ISO 639-2 code of the sound.

    Raises:
        EncodingError: the file cannot be written.
        FinishError: the voice does not fit.
    """
    silent = out.with_suffix(".silent.mp4")
    rate: RateControl | None = RateControl()
    for _ in range(ATTEMPTS):
        assert rate is not None
        encode_pictures(_pictures(spec, footage, layers), footage.plan.fps, rate, silent)
        encoded = _with_sound(spec, footage, tracks, silent, captions, language, out)
        made = Measured(out.stat().st_size, footage.plan.seconds)
        rate = next_rate(rate, made, spec.preset, AUDIO_KBPS if encoded.loudness else 0)
        if rate is None:
            break
    silent.unlink()
    return encoded


def _pictures(spec: DeliverableSpec, footage: Footage, layers: Layers) -> Iterator[np.ndarray]:
    pictures = pictures_of(footage.plan, footage.shots)
    return Overlay(layers.drawn, footage.plan.fps, spec.width, spec.height).over(pictures)


def _with_sound(
    spec: DeliverableSpec,
    footage: Footage,
    tracks: Tracks,
    silent: Path,
    captions: CaptionTrack | None,
    language: str,
    out: Path,
) -> Encoded:
    """Add sound and captions; mix again if the loudness of the encoded file is not as wanted."""
    if tracks.is_silent:
        nothing = silence(num_samples(footage.plan.frames / footage.plan.fps))
        mux(silent, out, nothing if spec.preset.needs_audio else None, captions, language)
        return Encoded(None, ())
    wanted = aim_of(spec)
    aim: Aim | None = wanted
    for _ in range(ATTEMPTS):
        assert aim is not None
        made = mixed(spec, tracks, footage.plan, aim)
        mux(silent, out, made.samples, captions, language)
        found = measure_file(out)
        aim = next_aim(found, wanted, aim, spec.preset.loudness_tolerance)
        if aim is None:
            break
    return Encoded(found, made.notes)
