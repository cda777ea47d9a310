"""Background music: files, the library, and music made by code."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundtracks
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.media.soundtrack.decode import decode
from adapters.media.soundtrack.loudness import measure
from manifests.errors import ModelError
from manifests.finish.asset import Asset
from manifests.finish.spec import MusicSpec
from models.music import library
from models.music.procedural import MOODS, procedural_music
from models.music.registry import music, music_problem

RATE = 48_000


def find_nothing(asset: Asset) -> Path:
    """Fail: no file is needed."""
    raise AssertionError(asset)


@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("seconds", [0.5, 5.041666, 15.0])
def test_procedural_music_has_exactly_the_wanted_length(mood, seconds):
    made = procedural_music(mood, seconds, 1)
    assert made.samples.shape == (2, round(seconds * RATE))
    assert made.samples.dtype == np.float32
    assert 0.1 < np.abs(made.samples).max() < 1


@pytest.mark.parametrize("mood", MOODS)
def test_procedural_music_is_deterministic_and_depends_on_its_seed(mood):
    one, same, other = (procedural_music(mood, 6.0, seed).samples for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert np.corrcoef(one[0], other[0])[0, 1] < 0.97


@pytest.mark.parametrize("mood", MOODS)
def test_procedural_music_sounds_throughout_and_ends(mood):
    samples = procedural_music(mood, 12.0, 4).samples.astype(np.float64)
    seconds = np.sqrt((samples**2).mean(0).reshape(-1, RATE // 2).mean(1))
    assert seconds[1:-2].min() > 0.1 * np.median(seconds), "no gap"
    assert np.sqrt((samples[:, -RATE // 10 :] ** 2).mean()) < 0.25 * np.median(seconds), "it fades at the end"
    assert np.abs(samples[:, 0]).max() < 0.02
    assert np.abs(samples[:, -1]).max() < 0.01
    assert abs(samples.mean()) < 0.01, "no constant part"
    assert -25 < measure(samples).lufs < -8


def test_moods_differ_in_brightness_and_beats():
    def brightness(mood: str) -> float:
        spectrum = np.abs(np.fft.rfft(procedural_music(mood, 8.0, 0).samples[0]))
        hertz = np.fft.rfftfreq(8 * RATE, 1 / RATE)
        return float((spectrum * hertz).sum() / spectrum.sum())

    assert brightness("energetic") > 1.5 * brightness("calm")


def test_procedural_music_is_labelled_as_made_by_an_algorithm():
    made = music(MusicSpec(source="procedural", mood="calm", seed=7), 5.0, find_nothing, decode)
    assert made.source_type == "algorithmicMedia"
    assert made.title == "Procedural bed, calm, seed 7"
    assert made.note
    assert made.path is None


@settings(deadline=None, max_examples=8)
@given(st.sampled_from(sorted(MOODS)), st.floats(0.5, 8), st.integers(0, 2**63))
def test_procedural_music_is_finite_for_any_seed_and_length(mood, seconds, seed):
    samples = procedural_music(mood, seconds, seed).samples
    assert samples.shape == (2, round(seconds * RATE))
    assert np.isfinite(samples).all()
    assert np.abs(samples).max() < 1


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        (MusicSpec(source="procedural", mood="angry"), "There is no mood 'angry'.*Use one of: calm"),
        (MusicSpec(source="library", mood="angry"), "has no mood 'angry'.*Use one of: calm"),
        (
            MusicSpec(source="library", track="calm_acoustic"),
            r"no track 'calm_acoustic'\. Did you mean calm_acoustic_1",
        ),
        (MusicSpec(source="librry"), r"no music source 'librry'\. Did you mean library\?"),
        (MusicSpec(source="file"), "no file is given"),
    ],
)
def test_music_that_does_not_exist_is_refused_with_a_fix(spec, what):
    with pytest.raises(ModelError, match=what):
        music(spec, 5.0, find_nothing, decode)
    assert bool(music_problem(spec)) == (spec.source != "file")


@pytest.mark.parametrize("seconds", [0.1, 601.0])
def test_lengths_out_of_range_are_refused(seconds):
    with pytest.raises(ModelError, match="is not supported"):
        procedural_music("calm", seconds)


def test_a_file_is_read_from_the_asset_store(tmp_path):
    path = soundtracks.write_mp4(tmp_path / "0123", soundtracks.tone(2.0))
    asset = Asset(name="jingle.m4a", sha256=hashlib.sha256(path.read_bytes()).hexdigest(), media_type="audio/mp4")
    made = music(MusicSpec(source="file", asset=asset), 5.0, lambda each: tmp_path / each.sha256[:0] / "0123", decode)
    assert made.samples.shape == (2, 2 * RATE)
    assert (made.title, made.source_type, made.path) == ("jingle.m4a", "", path)


def test_a_track_has_its_source():
    made = music(MusicSpec(source="library", track="calm_acoustic_1"), 5.0, find_nothing, decode)
    assert made.title == "Calm acoustic 1 (immich-memories-music)"
    assert (made.source_type, made.agent) == ("trainedAlgorithmicMedia", "ACE-Step 1.5")
    assert made.path is not None
    assert made.path.is_file()


def test_a_mood_and_a_seed_choose_a_track():
    names = [library.find_track("", "calm", seed).name for seed in range(7)]
    assert all(name.startswith("calm_") for name in names)
    assert names[0] == names[5]
    assert len(set(names)) == 5


def test_a_machine_without_the_library_names_the_extra(monkeypatch):
    monkeypatch.setattr(library, "is_installed", lambda: False)
    with pytest.raises(ModelError, match=r"pip install 'reelmill\[finish\]'"):
        library.find_track("", "calm")
    assert library.tracks() == {}


def test_the_library_has_28_tracks_in_5_moods():
    assert len(library.tracks()) == 28
    assert library.moods() == ("calm", "energetic", "happy", "nostalgic", "tender")


@pytest.mark.slow
@pytest.mark.parametrize("name", library.tracks())
def test_no_track_is_silent_clipped_or_interrupted(name):
    samples = decode(library.tracks()[name].path)
    found = measure(samples)
    levels = np.sqrt(
        (samples.astype(np.float64) ** 2).mean(0)[: samples.shape[1] // 2400 * 2400].reshape(-1, 2400).mean(1)
    )
    assert 29 < samples.shape[1] / RATE < 33
    assert -15 < found.lufs < -10
    assert found.true_peak_dbtp < -0.2
    assert not (np.abs(samples) >= 0.999).any()
    assert levels.min() > 10 ** (-50 / 20)
    assert np.corrcoef(samples)[0, 1] > 0.3, "it is not out of phase"
    assert abs(samples.mean()) < 1e-3
