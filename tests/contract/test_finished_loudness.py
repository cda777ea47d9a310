"""Loudness and peaks of 50 finished files, measured after their AAC."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundtracks

from adapters.media.soundtrack.decode import decode
from adapters.media.soundtrack.loudness import Aim, first_aim, measure_file, next_aim
from adapters.media.soundtrack.mix import mix
from adapters.media.soundtrack.samples import as_stereo
from manifests.finish.spec import MusicSpec
from models.music.registry import music
from models.voice.registry import engines_for, voice_of

SCRIPTS = {
    "en": "Fresh coffee, roasted this morning. Get 20% off until Friday!",
    "en-GB": "New in store: the winter jacket, only £49.99.",
    "de": "Frischer Kaffee, heute geröstet. Nur bis Freitag.",
    "ar": "قهوة طازجة، اليوم فقط.",
    "hi": "ताज़ी कॉफ़ी, आज ही भुनी हुई।",
}
NATIVES: dict[str, Callable[[float], np.ndarray]] = {
    "noise": lambda seconds: soundtracks.noise(seconds, 0.02),
    "loud tone": lambda seconds: soundtracks.tone(seconds, 300.0, 0.9),
    "quiet babble": lambda seconds: soundtracks.babble(seconds) * 0.01,
    "square": lambda seconds: np.sign(soundtracks.tone(seconds, 110.0)),
    "short": lambda seconds: soundtracks.tone(min(seconds, 1.0), 800.0),
}
BEDS = (
    *(MusicSpec(source="procedural", mood=mood, seed=3) for mood in ("calm", "energetic", "happy", "nostalgic")),
    *(MusicSpec(source="library", mood=mood, seed=seed) for mood in ("calm", "energetic", "tender") for seed in (0, 1)),
)
SECONDS = (5.0, 6.0, 9.6, 15.0, 31.5)
CASES = [
    (
        (*SCRIPTS, "")[number % 6],
        (*BEDS, None)[number % 11],
        (*NATIVES, "")[(number // 2) % 6],
        max(SECONDS[number % 5], 6.0) if number % 6 < 5 else SECONDS[number % 5],
    )
    for number in range(54)
]
CASES = [case for case in CASES if case[0] or case[1] or case[2]][:50]
FAST = (0, 13, 29)


@cache
def spoken(language: str) -> np.ndarray | None:
    """Return the voice of a script, or None if this machine has no voice of the language."""
    if not language:
        return None
    engines = engines_for(language)
    speech = voice_of(engines[0]).speak(SCRIPTS[language], language) if engines else None
    return as_stereo(speech.samples, speech.rate) if speech else None


def bed(spec: MusicSpec | None, seconds: float) -> np.ndarray | None:
    """Return the samples of a bed."""
    return None if spec is None else music(spec, seconds, lambda _: Path(), decode).samples


def finished(path: Path, case: tuple[str, MusicSpec | None, str, float], wanted: Aim) -> tuple[np.ndarray, int]:
    """Mix and encode until the file is as wanted; return the samples and the number of mixes."""
    language, spec, native, seconds = case
    sounds = spoken(language), 0.3, bed(spec, seconds), NATIVES[native](seconds) if native else None
    aim: Aim | None = first_aim(wanted)
    for number in range(1, 5):
        mixed = mix(*sounds, seconds, aim.lufs, aim.true_peak_dbtp)
        soundtracks.write_mp4(path, mixed.samples)
        aim = next_aim(measure_file(path), wanted, aim)
        if aim is None:
            return mixed.samples, number
    return mixed.samples, number


def check(path: Path, number: int) -> None:
    """Check one of the cases."""
    case = CASES[number]
    samples, mixes = finished(path, case, Aim())
    found = measure_file(path)
    print(number, case[0], case[1] and (case[1].source, case[1].mood), case[2], case[3], found, mixes)
    assert samples.shape == (2, round(case[3] * 48_000))
    assert abs(found.lufs + 14.0) <= 0.5
    assert found.true_peak_dbtp <= -1.0


@pytest.mark.parametrize("number", FAST)
def test_a_finished_file_has_the_wanted_loudness(tmp_path, number):
    check(tmp_path / "out.mp4", number)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fifty_finished_files_have_the_wanted_loudness(tmp_path):
    assert len({str(case) for case in CASES}) == 50
    for number in range(len(CASES)):
        check(tmp_path / "out.mp4", number)
