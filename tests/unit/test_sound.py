"""Sound files of generated clips."""

import numpy as np
import pytest

from adapters.media.sound import read_sound, write_sound
from manifests.errors import EncodingError

RATE = 44_100


def tone(channels: int, seconds: float = 0.5) -> np.ndarray:
    time = np.arange(int(RATE * seconds)) / RATE
    return np.stack([0.5 * np.sin(2 * np.pi * 440 * (1 + index) * time) for index in range(channels)])


@pytest.mark.parametrize("channels", [1, 2])
def test_a_sound_is_read_back_as_it_was_written(tmp_path, channels):
    samples = tone(channels)
    write_sound(samples, RATE, tmp_path / "sound.flac")
    again, rate = read_sound(tmp_path / "sound.flac")
    assert rate == RATE
    assert again.shape == samples.shape
    assert np.abs(again - samples).max() < 1 / 32767


def test_the_same_samples_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_sound(tone(2), RATE, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_samples_that_are_no_sound_are_clipped_or_silent(tmp_path):
    write_sound(np.array([[np.nan, 3.0, -3.0, 0.0]]), RATE, tmp_path / "sound.flac")
    assert read_sound(tmp_path / "sound.flac")[0].tolist() == [[0.0, 1.0, -1.0, 0.0]]


@pytest.mark.parametrize("shape", [(0,), (3, 10), (2, 0)])
def test_other_shapes_are_refused(tmp_path, shape):
    with pytest.raises(EncodingError, match="1 or 2 channels"):
        write_sound(np.zeros(shape), RATE, tmp_path / "sound.flac")


def test_a_file_that_is_no_sound_is_refused(tmp_path):
    (tmp_path / "sound.flac").write_bytes(b"no sound")
    with pytest.raises(EncodingError, match="Cannot read the sound"):
        read_sound(tmp_path / "sound.flac")
