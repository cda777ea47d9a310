"""The soundtrack of a deliverable: voice, music and the masters' own sound, mixed to the placement's loudness."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from adapters.media.compose.master import Master
from adapters.media.compose.native_sound import native_sound
from adapters.media.soundtrack.decode import decode
from adapters.media.soundtrack.loudness import Aim
from adapters.media.soundtrack.mix import Mixed, mix
from adapters.media.soundtrack.samples import as_stereo
from manifests.finish.length import LEAD_S, FramePlan
from manifests.finish.spec import DeliverableSpec
from tasks.finish.sound.spoken import Sounds, Spoken


class Music(NamedTuple):
    """Background music: samples, float32 (2, n) at 48 kHz, and its origin; ``path`` is None if it was made."""

    samples: np.ndarray
    title: str
    source_type: str = ""
    agent: str = ""
    note: str = ""
    path: Path | None = None


class Tracks(NamedTuple):
    """What is mixed. ``voice_start_s`` counts from the start of the deliverable."""

    voice: Spoken | None
    voice_start_s: float
    music: Music | None
    native: np.ndarray | None

    @property
    def is_silent(self) -> bool:
        """Whether there is nothing to mix."""
        return self.voice is None and self.music is None and self.native is None


def keeps_sound(spec: DeliverableSpec, masters: Sequence[Master]) -> bool:
    """Return whether the sound of the masters is heard."""
    return spec.sound.native and any(master.facts.has_audio for master in masters)


def tracks_of(
    spec: DeliverableSpec, masters: Sequence[Master], plan: FramePlan, voice: Spoken | None, sounds: Sounds
) -> Tracks:
    """Return what is mixed.

    Raises:
        ModelError: the music is not available on this machine.
        EncodingError: a sound cannot be read.
    """
    native = native_sound(plan, masters) if keeps_sound(spec, masters) else None
    return Tracks(voice, float(plan.intro / plan.fps) + LEAD_S, _music(spec, plan, sounds), native)


def _music(spec: DeliverableSpec, plan: FramePlan, sounds: Sounds) -> Music | None:
    if spec.sound.music is None:
        return None
    from models.music.registry import music  # loads the library of tracks

    found = music(spec.sound.music, plan.seconds, sounds.find_asset, decode, sounds.tools)
    samples = as_stereo(found.samples, found.rate)
    return Music(samples, found.title, found.source_type, found.agent, found.note, found.path)


def aim_of(spec: DeliverableSpec) -> Aim:
    """Return the loudness that the placement asks for."""
    return Aim(spec.preset.loudness_lufs, spec.preset.true_peak_dbtp)


def mixed(spec: DeliverableSpec, tracks: Tracks, plan: FramePlan, aim: Aim) -> Mixed:
    """Mix the tracks.

    Raises:
        FinishError: the voice does not fit.
    """
    return mix(
        tracks.voice.samples if tracks.voice else None,
        tracks.voice_start_s,
        tracks.music.samples if tracks.music else None,
        tracks.native,
        plan.frames / plan.fps,
        aim.lufs,
        aim.true_peak_dbtp,
        spec.sound.ducking_db,
    )


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
