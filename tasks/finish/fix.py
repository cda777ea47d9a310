"""Change a file so that it meets the requirements of a placement, as far as this is possible automatically."""

import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from adapters.media.compose.encoder import encode_pictures
from adapters.media.compose.fit import Crop, Fitter, Pad
from adapters.media.compose.footage import FittedShot, pictures_of
from adapters.media.compose.master import Master
from adapters.media.compose.mux import mux
from adapters.media.compose.native_sound import native_sound
from adapters.media.compose.square_pixels import SquareMaster
from adapters.media.file_facts import measure
from adapters.media.soundtrack.decode import decode
from adapters.media.soundtrack.loudness import Aim, measure_file, next_aim
from adapters.media.soundtrack.mastering import master
from adapters.media.soundtrack.samples import fitted, num_samples
from adapters.media.video_facts import probe
from manifests.errors import EncodingError, FinishError
from manifests.finish.bitrate import AUDIO_KBPS, Measured, RateControl, next_rate
from manifests.finish.deliverable import Violation
from manifests.finish.length import FramePlan, Wanted, frame_rate, plan_length
from manifests.placements.facts import FileFacts
from manifests.placements.fix_plan import FixPlan, plan_fix
from manifests.placements.linter import lint
from manifests.placements.preset import PlacementPreset

ATTEMPTS = 5
"""Encodings to reach a bitrate, and mixes to reach a loudness."""


class Fixed(NamedTuple):
    """The result of a fix.

    Attributes:
        fixed: violations of the source that the new file does not have.
        remaining: violations of the new file.
        notes: what people should know, one sentence each.
    """

    fixed: tuple[Violation, ...]
    remaining: tuple[Violation, ...]
    notes: tuple[str, ...]


def fix_file(source: Path, preset: PlacementPreset, out: Path) -> Fixed:
    """Write a copy of a video that meets the requirements of a placement, as MP4.

    The whole picture is kept: a wrong aspect ratio is padded with a blurred copy. Safe zones, captions and
    silence cannot be fixed.

    Raises:
        EncodingError: the source is not a readable video.
        FinishError: the output is the source, or is not named ``.mp4``.
    """
    if out.suffix.lower() != ".mp4" or (out.exists() and out.samefile(source)):
        raise FinishError(f"Cannot write the fixed file to {out}. Choose another file whose name ends with .mp4.")
    facts = measure(source)
    found = lint(facts, preset)
    plan = plan_fix(facts, preset, found)
    with tempfile.TemporaryDirectory(prefix="reelmill-fix-", dir=out.parent) as folder:
        notes = _Fix(source, facts, preset, plan, Path(folder)).write(out)
    remaining = lint(measure(out, caption_files=facts.caption_files), preset)
    kept = {violation.rule for violation in remaining}
    return Fixed(tuple(each for each in found if each.rule not in kept), remaining, (*notes, *_losses(facts)))


class _Fix:
    """One file that is fixed."""

    def __init__(self, source: Path, facts: FileFacts, preset: PlacementPreset, plan: FixPlan, folder: Path) -> None:
        self._source, self._facts, self._preset, self._plan, self._folder = source, facts, preset, plan, folder
        self._pictures = folder / "pictures.mp4"

    def write(self, out: Path) -> tuple[str, ...]:
        """Write the file, and return notes."""
        if not self._plan.encodes and self._is_copied(out):
            return ()
        frames = self._frames()
        seconds = frames.frames / frames.fps
        samples = self._samples(seconds, frames)
        rate: RateControl | None = RateControl()
        for _ in range(ATTEMPTS):
            if rate is None:
                break
            encode_pictures(pictures_of(frames, [self._shot()]), frames.fps, rate, self._pictures)
            notes = self._add_sound(self._pictures, samples, out)
            made = Measured(out.stat().st_size, float(seconds))
            rate = next_rate(rate, made, self._preset, AUDIO_KBPS if self._facts.has_audio else 0)
        return (*frames.notes, *notes)

    def _is_copied(self, out: Path) -> bool:
        """Copy the picture, and return whether the file plays as before; some files need another encoding for that."""
        try:
            self._add_sound(self._source, self._samples(Fraction(self._facts.duration_s)), out)
            made = probe(out, is_limited=False)
        except EncodingError:
            return False
        return abs(made.duration_s - self._facts.duration_s) <= 1 / max(float(self._facts.fps), 1)

    def _frames(self) -> FramePlan:
        preset = self._preset
        fps = frame_rate([self._facts.fps], preset.min_fps, preset.max_fps)
        wanted = Wanted(preset.min_s, preset.max_s, self._plan.duration_s, keeps_sound=self._facts.has_audio)
        return plan_length([self._master().num_frames(fps)], fps, wanted)

    def _master(self) -> Master:
        return SquareMaster(self._source, probe(self._source, is_limited=False), self._facts.sample_aspect)

    def _shot(self) -> FittedShot:
        master, size = self._master(), (self._plan.width, self._plan.height)
        fitter: Fitter = Pad(master, *size) if self._plan.pads else Crop(master, *size)
        return FittedShot(master, fitter, size[0] * size[1] * 3 // 2)

    def _add_sound(self, pictures: Path, samples: np.ndarray | None, out: Path) -> tuple[str, ...]:
        """Write the file with its sound, which is mixed again until the encoded file has the wanted loudness."""
        if samples is None:
            mux(pictures, out, samples)
            return ()
        wanted = aim = Aim(self._preset.loudness_lufs, self._preset.true_peak_dbtp)
        for _ in range(ATTEMPTS):
            made = master(samples, aim)
            mux(pictures, out, made.samples)
            following = next_aim(measure_file(out), wanted, aim, self._preset.loudness_tolerance)
            if following is None:
                break
            aim = following
        return made.notes

    def _samples(self, seconds: Fraction, frames: FramePlan | None = None) -> np.ndarray | None:
        """Return the sound, as long as the picture; it follows the frames if some are left out or repeated."""
        if not self._facts.has_audio:
            return None
        sound = native_sound(frames, [self._master()]) if frames else decode(self._source)
        return None if sound is None else fitted(sound, num_samples(seconds))


def _losses(facts: FileFacts) -> Sequence[str]:
    """Return what the new file does not have."""
    notes = ["The new file has no Content Credential. Reelmill signs only files of campaigns; keep the source."]
    if facts.caption_tracks:
        notes.append("The caption tracks of the source are not in the new file; upload the captions as a file.")
    return notes
