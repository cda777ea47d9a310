"""Background music made by code: chords, bass, a broken-chord figure, drums and an ending, of any exact length.

It is simple and is labelled as made by an algorithm. The same mood, seed and length give the same samples.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from manifests.errors import ModelError
from models.music.result import RATE, MusicResult

AGENT = "Reelmill procedural music"
SOURCE_TYPE = "algorithmicMedia"
SHORTEST_S, LONGEST_S = 0.5, 600.0
NOTE = "The music was made by code (a simple procedural bed)."
PEAK = 0.7
LOWEST_HZ = 25.0
EDGE = RATE // 200
"""Samples in which the piece rises: a waveform that begins suddenly clicks."""


class Mood(NamedTuple):
    """How a mood sounds.

    Attributes:
        bpm: usual tempo; the tempo of a piece differs by a few percent, so that whole beats fill its length.
        minor: whether the key is minor.
        progressions: chords as steps of the scale, 0 for the tonic; one for each bar.
        drums: gain of the drums, 0 for none.
        figure: notes of the broken chord in a beat.
        brightness: overtones of the sounds, 0..1.
    """

    bpm: float
    minor: bool
    progressions: tuple[tuple[int, ...], ...]
    drums: float
    figure: int
    brightness: float


MOODS = {
    "calm": Mood(72, False, ((0, 4, 5, 3), (0, 5, 3, 4), (3, 0, 4, 5)), 0.0, 1, 0.25),
    "energetic": Mood(126, True, ((0, 5, 2, 6), (0, 3, 5, 6), (5, 6, 0, 0)), 1.0, 4, 0.8),
    "happy": Mood(112, False, ((0, 3, 4, 3), (0, 4, 5, 3), (0, 5, 3, 4)), 0.7, 2, 0.6),
    "nostalgic": Mood(80, True, ((0, 5, 2, 6), (0, 3, 0, 4), (5, 3, 0, 4)), 0.25, 2, 0.35),
    "tender": Mood(90, False, ((0, 2, 3, 4), (0, 5, 1, 4), (3, 4, 2, 5)), 0.0, 2, 0.3),
}
DEFAULT_MOOD = "happy"
_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
_DOMINANT = 4
BEATS = 4
"""Beats of a bar."""


class _Piece(NamedTuple):
    """A plan of the piece: its mood, random numbers, key in semitones above A2, beats and their length in seconds."""

    mood: Mood
    rng: np.random.Generator
    key: int
    chords: tuple[int, ...]
    beats: int
    beat_s: float
    num: int

    def pitch(self, step: int, octave: int = 0) -> float:
        """Return the frequency of a step of the scale, in Hz."""
        scale = _MINOR if self.mood.minor else _MAJOR
        semitones = self.key + scale[step % 7] + 12 * (step // 7 + octave)
        return float(110.0 * 2 ** (semitones / 12))


def procedural_music(mood: str, seconds: float, seed: int = 0) -> MusicResult:
    """Return music of exactly this length.

    Args:
        mood: a name of ``MOODS``; empty for the default.

    Raises:
        ModelError: the mood is unknown, or the length is not supported.
    """
    name = mood_named(mood)
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise ModelError(f"Procedural music of {seconds:g} s is not supported. Use {SHORTEST_S} to {LONGEST_S:g} s.")
    samples = _played(_planned(MOODS[name], seconds, seed))
    return MusicResult(samples, RATE, f"Procedural bed, {name}, seed {seed}", SOURCE_TYPE, AGENT, NOTE)


def mood_named(mood: str) -> str:
    """Return the name of a mood; the default for an empty one.

    Raises:
        ModelError: it is unknown.
    """
    name = mood or DEFAULT_MOOD
    if name not in MOODS:
        raise ModelError(f"There is no mood {name!r} for procedural music. Use one of: {', '.join(MOODS)}.")
    return name


def _planned(mood: Mood, seconds: float, seed: int) -> _Piece:
    """Return the plan: whole beats, then an ending on the tonic that rings out."""
    rng = np.random.default_rng([seed, round(mood.bpm)])
    ending_s = min(2.5, seconds * 0.25)
    beats = max(1, round((seconds - ending_s) * mood.bpm / 60))
    if beats > BEATS:
        beats -= beats % 2
    bars = -(-beats // BEATS)
    progression = mood.progressions[int(rng.integers(len(mood.progressions)))]
    chords = [progression[bar % len(progression)] for bar in range(bars)]
    if bars > 1:
        chords[-1] = _DOMINANT
    key = int(rng.integers(-3, 5))
    return _Piece(mood, rng, key, tuple(chords), beats, (seconds - ending_s) / beats, round(seconds * RATE))


def _played(piece: _Piece) -> np.ndarray:
    """Return the samples of the piece, float32 (2, n)."""
    made = np.zeros((2, piece.num + RATE))
    for part in (_pad, _bass, _figure, _drums):
        for start_s, pan, sound in part(piece):
            _add(made, start_s, pan, sound)
    wet = _room(made, piece.rng)[:, : piece.num]
    fade = min(RATE // 2, piece.num // 4)
    wet[:, -fade:] *= np.cos(np.linspace(0, np.pi / 2, fade)) ** 2
    wet[:, :EDGE] *= np.linspace(0, 1, EDGE)
    return (wet * PEAK / max(float(np.abs(wet).max()), 1e-9)).astype(np.float32)


_Sounds = Iterator[tuple[float, float, np.ndarray]]
"""Start in seconds, place from -1 (left) to 1 (right), and samples of sounds."""


def _pad(piece: _Piece) -> _Sounds:
    """Held chords; the last one is the tonic, and rings."""
    bar_s = piece.beat_s * BEATS
    for bar, chord in enumerate(piece.chords):
        length = min(bar_s, (piece.beats - bar * BEATS) * piece.beat_s)
        yield from _chord(piece, chord, bar * bar_s, length + 0.25)
    yield from _chord(piece, 0, piece.beats * piece.beat_s, piece.num / RATE - piece.beats * piece.beat_s + 0.5)


def _chord(piece: _Piece, chord: int, start_s: float, length_s: float) -> _Sounds:
    attack = min(0.35, length_s / 3)
    for number, step in enumerate((0, 2, 4)):
        for side, detune in ((-0.5, 0.9985), (0.5, 1.0015)):
            wave = _tone(piece.pitch(chord + step, 1) * detune, length_s, piece.mood.brightness * 0.6)
            yield start_s, side * (number - 1) or side * 0.3, 0.10 * wave * _held(len(wave), attack, 0.3)


def _bass(piece: _Piece) -> _Sounds:
    step_beats = 1 if piece.mood.drums >= 0.5 else 2
    for beat in range(0, piece.beats, step_beats):
        length = min(step_beats, piece.beats - beat) * piece.beat_s
        wave = _tone(piece.pitch(piece.chords[beat // BEATS], -1), length, 0.25)
        yield beat * piece.beat_s, 0.0, 0.28 * wave * _held(len(wave), 0.01, 0.06)
    wave = _tone(piece.pitch(0, -1), piece.num / RATE - piece.beats * piece.beat_s + 0.3, 0.25)
    yield piece.beats * piece.beat_s, 0.0, 0.3 * wave * np.exp(-np.arange(len(wave)) / (1.2 * RATE))


def _figure(piece: _Piece) -> _Sounds:
    """Plucked notes of the chords in a pattern of one bar, which the seed chooses and the last bar leaves."""
    count = piece.mood.figure * BEATS
    pattern = piece.rng.choice((0, 2, 4, 7, 9, 11), count)
    rests = piece.rng.random(count) < 0.2
    rests[0] = False
    for number in range(piece.beats * piece.mood.figure):
        place, start_s = number % count, number * piece.beat_s / piece.mood.figure
        if rests[place]:
            continue
        chord = piece.chords[number // count]
        accent = 1.0 if place % piece.mood.figure == 0 else 0.7
        yield start_s, float(np.sin(number * 1.7)) * 0.5, 0.16 * accent * _pluck(piece, chord + int(pattern[place]))
    yield piece.beats * piece.beat_s, 0.1, 0.2 * _pluck(piece, 7)


def _drums(piece: _Piece) -> _Sounds:
    gain = piece.mood.drums
    if not gain:
        return
    for beat in range(piece.beats):
        if beat % 2 == 0 or gain > 0.9:
            yield beat * piece.beat_s, 0.0, 0.5 * gain * _kick()
        if beat % 2 == 1 and gain > 0.5:
            yield beat * piece.beat_s, 0.1, 0.06 * gain * _noise(piece.rng, 0.16, 0.045)
        for half in (0.0, 0.5):
            yield (beat + half) * piece.beat_s, -0.3, (0.022 if half else 0.014) * gain * _noise(piece.rng, 0.06, 0.014)
    yield piece.beats * piece.beat_s, 0.0, 0.5 * gain * _kick()


def _tone(hertz: float, seconds: float, brightness: float) -> np.ndarray:
    """Return a tone of harmonics that fall off; a brighter one has more of them."""
    phase = 2 * np.pi * hertz * np.arange(max(1, round(seconds * RATE))) / RATE
    harmonics = range(1, 2 + round(6 * brightness))
    return np.asarray(sum(np.sin(phase * k) / k ** (2.2 - brightness) for k in harmonics if hertz * k < 9000))


def _pluck(piece: _Piece, step: int) -> np.ndarray:
    length = np.arange(round(1.2 * RATE)) / RATE
    hertz = piece.pitch(step, 1)
    partials = [(1, 1.0, 0.45), (2, 0.4 * (0.5 + piece.mood.brightness), 0.25), (3, 0.3 * piece.mood.brightness, 0.15)]
    made = sum(gain * np.sin(2 * np.pi * hertz * k * length) * np.exp(-length / decay) for k, gain, decay in partials)
    return np.asarray(made * np.minimum(1, length / 0.004) * np.minimum(1, (length[-1] - length) / 0.05))


def _kick() -> np.ndarray:
    length = np.arange(round(0.3 * RATE)) / RATE
    phase = 2 * np.pi * (48 * length + 70 / 30 * (1 - np.exp(-30 * length)))
    return np.asarray(np.sin(phase) * np.exp(-length * 11) * np.minimum(1, (length[-1] - length) / 0.02))


def _noise(rng: np.random.Generator, seconds: float, decay_s: float) -> np.ndarray:
    """Return noise without its low part."""
    num = round(seconds * RATE)
    white = np.diff(rng.standard_normal(num + 1))
    rise = np.minimum(1, np.arange(num) / (0.001 * RATE))
    return np.asarray(white * rise * np.exp(-np.arange(num) / (decay_s * RATE)) * np.linspace(1, 0, num))


def _held(num: int, attack_s: float, release_s: float) -> np.ndarray:
    """Return an envelope that rises, holds and falls."""
    at = np.arange(num) / RATE
    end = num / RATE
    return np.asarray(
        np.clip(np.minimum(at / max(attack_s, 1e-3), (end - at) / max(min(release_s, end / 3), 1e-3)), 0, 1)
    )


def _add(made: np.ndarray, start_s: float, pan: float, sound: np.ndarray) -> None:
    """Add a sound at its time and place; what exceeds the piece is left out."""
    start = round(start_s * RATE)
    sound = sound[: max(0, made.shape[1] - start)]
    angle = (pan + 1) * np.pi / 4
    made[0, start : start + len(sound)] += np.cos(angle) * sound
    made[1, start : start + len(sound)] += np.sin(angle) * sound


def _room(dry: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the sound in a small room, without what is too low to be heard: noise that dies away is its echo."""
    num = round(0.7 * RATE)
    echo = rng.standard_normal((2, num)) * np.exp(-np.arange(num) / (0.16 * RATE))
    echo[:, : RATE // 100] = 0
    size = 1 << (dry.shape[1] + num - 1).bit_length()
    spectrum, echoes = np.fft.rfft(dry, size), np.fft.rfft(echo, size)
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    echoes *= 1 / (1 + (hertz / 4000) ** 2)  # walls absorb high sounds
    wet = spectrum * echoes
    level = np.sqrt((np.abs(spectrum) ** 2).mean() / max(float((np.abs(wet) ** 2).mean()), 1e-12))
    audible = hertz**2 / (hertz**2 + LOWEST_HZ**2)
    return np.asarray(np.fft.irfft((spectrum + 0.3 * level * wet) * audible, size)[:, : dry.shape[1]])
