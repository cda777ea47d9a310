"""Mixing: lengths, ducking, fades, loops without clicks, and inputs that are refused."""

from fractions import Fraction

import numpy as np
import pytest
import soundtracks
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.media.soundtrack.ducking import ATTACK_S, RELEASE_S, ducking_gain
from adapters.media.soundtrack.looping import to_length
from adapters.media.soundtrack.loudness import measure
from adapters.media.soundtrack.mix import FADE_OUT_S, mix
from adapters.media.soundtrack.samples import RATE, as_stereo, fitted, num_samples, silence
from manifests.errors import EncodingError, FinishError
from models.music.procedural import procedural_music


def level_db(samples: np.ndarray, start_s: float, end_s: float) -> float:
    """Return the level of a part in dB of full scale."""
    part = samples[:, round(start_s * RATE) : round(end_s * RATE)].astype(np.float64)
    return float(10 * np.log10((part**2).mean() + 1e-20))


def band_db(samples: np.ndarray, hertz: float, start_s: float, end_s: float) -> float:
    """Return the level of a frequency in a part of the left side."""
    part = samples[0, round(start_s * RATE) : round(end_s * RATE)]
    at = np.arange(len(part)) / RATE
    return float(20 * np.log10(abs((part * np.exp(-2j * np.pi * hertz * at)).mean()) + 1e-12))


@pytest.mark.parametrize("seconds", [0.3, 1.0, 5.041666, Fraction(121, 24), Fraction(5005, 1001), 30.0])
def test_the_result_has_exactly_the_samples_of_the_video(seconds):
    made = mix(None, 0.0, soundtracks.babble(1.7), None, seconds)
    assert made.samples.shape == (2, num_samples(seconds))
    assert made.samples.dtype == np.float32


def test_the_same_inputs_give_the_same_samples():
    inputs = soundtracks.babble(2.0), 0.5, soundtracks.noise(3.0), soundtracks.tone(4.0), 6.0
    assert np.array_equal(mix(*inputs).samples, mix(*inputs).samples)


@pytest.mark.parametrize("ducking_db", [6.0, 12.0, 18.0])
def test_music_is_lowered_under_the_voice_by_the_wanted_decibels(ducking_db):
    voice = soundtracks.babble(3.0)
    gain = 20 * np.log10(ducking_gain(fitted(np.concatenate([silence(2 * RATE), voice], 1), 9 * RATE), ducking_db))
    assert gain[round(1.7 * RATE)] == pytest.approx(0, abs=0.01)
    assert np.allclose(gain[2 * RATE : 5 * RATE], -ducking_db, atol=0.05)
    assert gain[round((5.1 + RELEASE_S) * RATE)] == pytest.approx(0, abs=0.01)
    steps = np.abs(np.diff(gain))
    assert steps.max() * RATE <= ducking_db / min(ATTACK_S, RELEASE_S) * 1.3, "it changes gradually"


def test_ducking_is_measured_in_the_mix():
    music, voice = soundtracks.tone(12.0, 440.0), soundtracks.tone(4.0, 900.0)
    ducked, plain = (mix(voice, 4.0, music, None, 12.0, ducking_db=each).samples for each in (12.0, 0.0))
    before = band_db(ducked, 440.0, 1.0, 3.5) - band_db(ducked, 440.0, 5.0, 7.0)
    assert before == pytest.approx(12.0, abs=1.0)
    assert band_db(plain, 440.0, 1.0, 3.5) - band_db(plain, 440.0, 5.0, 7.0) == pytest.approx(0.0, abs=1.0)


def test_short_pauses_of_the_voice_do_not_raise_the_music():
    voice = np.concatenate([soundtracks.babble(1.0), silence(round(0.3 * RATE)), soundtracks.babble(1.0)], 1)
    gain = ducking_gain(fitted(voice, 4 * RATE), 12.0)
    assert gain[: round(2.3 * RATE)].max() < 10 ** (-11.9 / 20)


def test_the_voice_is_louder_than_the_music_under_it():
    music, voice = soundtracks.tone(6.0, 440.0, 0.9), soundtracks.babble(4.0) * 0.05
    made = mix(voice, 1.0, music, None, 6.0).samples
    assert level_db(made, 2.0, 4.0) - band_db(made, 440.0, 2.0, 4.0) - 3 > 12


def test_music_fades_in_and_out_without_a_jump_at_the_edges():
    made = mix(None, 0.0, soundtracks.noise(20.0), None, 8.0).samples
    assert np.abs(made[:, 0]).max() < 1e-4
    assert np.abs(made[:, -1]).max() < 1e-4
    assert level_db(made, 8.0 - 0.1, 8.0) < level_db(made, 4.0, 5.0) - 12
    assert level_db(made, 8.0 - FADE_OUT_S - 0.5, 8.0 - FADE_OUT_S) == pytest.approx(level_db(made, 4.0, 5.0), abs=1.0)


def test_native_sound_that_is_shorter_ends_without_a_click():
    made = mix(None, 0.0, None, soundtracks.tone(2.0, 300.0), 5.0).samples
    steps = np.abs(np.diff(made[0]))
    assert steps.max() <= 1.1 * steps[RATE // 2 : RATE].max()
    assert np.abs(made[:, round(2.2 * RATE) :]).max() < 1e-3


JOINS = {
    "tone": soundtracks.tone(3.3, 437.0),
    "noise": soundtracks.noise(3.0),
    "music": procedural_music("energetic", 8.0, 2).samples,
    "calm": procedural_music("calm", 10.0, 5).samples,
}


@pytest.mark.parametrize("name", JOINS)
def test_loops_do_not_click(name):
    music = JOINS[name]
    made = to_length(music, 30 * RATE)
    assert made.shape == (2, 30 * RATE)
    inside, found = (np.abs(np.diff(each, n=2, axis=1)).max() for each in (music, made))
    assert found <= 1.1 * inside, "a click is a jump that the music itself does not have"


@pytest.mark.parametrize("name", JOINS)
def test_loops_keep_their_level(name):
    music = JOINS[name]
    made = to_length(music, 30 * RATE).astype(np.float64)
    rms = np.sqrt((made**2).mean(0)[: 30 * RATE].reshape(-1, RATE // 2).mean(1))
    own = np.sqrt((music.astype(np.float64) ** 2).mean(0)[: 2 * RATE].reshape(-1, RATE // 2).mean(1))
    assert rms.min() > 0.4 * np.median(own)
    assert rms.max() < 2.5 * np.median(rms)


def test_a_loop_stays_in_time():
    beat = np.zeros((2, round(7.83 * RATE)), np.float32)  # 120 bpm; the cut is not on a beat
    pulse = np.sin(np.arange(2400) / 8) * np.linspace(1, 0, 2400)
    for start in range(0, beat.shape[1] - 2400, RATE // 2):
        beat[:, start : start + 2400] += pulse.astype(np.float32)
    made = to_length(beat, 24 * RATE)
    loud = np.abs(made[0]).reshape(-1, 240).max(1) > 0.3
    starts = np.flatnonzero(loud[1:] & ~loud[:-1]) * 240 / RATE
    gaps = np.diff(starts[np.diff(starts, prepend=-1) > 0.2])
    assert np.abs(gaps - 0.5).max() < 0.03


def test_silence_around_music_is_not_looped():
    music = np.concatenate([silence(RATE), soundtracks.tone(3.0), silence(RATE)], 1)
    made = to_length(music, 12 * RATE)
    assert all(level_db(made, second, second + 0.2) > -30 for second in np.arange(0, 11.8, 0.2))


def test_a_voice_that_is_too_long_is_refused_with_both_lengths():
    with pytest.raises(FinishError, match=r"The voice would end at 3\.5 s, but the video is 3\.0 s long\. Shorten"):
        mix(soundtracks.babble(3.0), 0.5, None, None, 3.0)


@pytest.mark.parametrize(("seconds", "ducking", "what"), [(0, 12, "0 s"), (601, 12, "601 s"), (5, -1, "ducking_db")])
def test_arguments_out_of_range_are_refused(seconds, ducking, what):
    with pytest.raises(FinishError, match=what):
        mix(None, 0.0, None, None, seconds, ducking_db=ducking)


def test_nothing_to_hear_is_noted():
    assert mix(None, 0.0, None, None, 3.0).notes == ("The sound is silent.",)
    assert mix(None, 0.0, silence(RATE), None, 3.0).notes == ("The sound is silent.",)


def test_a_sound_that_is_too_short_to_have_a_loudness_is_noted_and_limited():
    made = mix(None, 0.0, soundtracks.tone(1.0, level=1.0), None, 0.3)
    assert "shorter than 0.4 s" in made.notes[0]
    assert measure(made.samples).true_peak_dbtp <= -0.97


def test_peaks_that_cannot_be_that_loud_are_noted():
    made = mix(None, 0.0, None, soundtracks.clicks(5.0, 1.0), 5.0)
    assert measure(made.samples).true_peak_dbtp <= -0.97
    assert "peaks are much louder" in made.notes[0]


@pytest.mark.parametrize("rate", [800, 16_000, 22_050, 44_100, 48_000, 96_000])
def test_any_rate_becomes_48_khz_of_the_same_length_and_pitch(rate):
    wave = 0.5 * np.sin(2 * np.pi * 200 * np.arange(rate * 2) / rate, dtype=np.float64)[None]
    made = as_stereo(wave, rate)
    assert made.shape == (2, 2 * RATE)
    assert band_db(made, 200.0, 0.2, 1.8) == pytest.approx(20 * np.log10(0.25), abs=0.2)


@pytest.mark.parametrize("shape", [(3, 10), (10,), (2, 3, 4)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(EncodingError, match="1 or 2 channels"):
        as_stereo(np.zeros(shape), RATE)


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 3 * RATE),
    st.integers(1, 4 * RATE),
    st.sampled_from(["noise", "tone", "zero", "nan"]),
    st.floats(0, 40),
)
def test_music_of_any_length_gives_finite_samples_within_the_peak(length, num, kind, ducking):
    music = {"noise": soundtracks.noise, "tone": soundtracks.tone}.get(kind, soundtracks.noise)(3.0)[:, :length]
    music = music * 0 if kind == "zero" else music
    if kind == "nan":
        music = as_stereo(np.where(music > 0.2, np.nan, music), RATE)
    made = mix(None, 0.0, music, None, Fraction(num, RATE), ducking_db=ducking).samples
    assert made.shape == (2, num)
    assert np.isfinite(made).all()
    assert np.abs(made).max() <= 1.0
