"""Join spoken clauses with pauses, and note their exact times."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from manifests.errors import ModelError
from models.voice.clauses import TextClause
from models.voice.speech import Clause, Speech

PAUSE_S, SENTENCE_PAUSE_S = 0.16, 0.38
"""After a clause, and after a sentence."""
QUIET = 0.004
"""Share of the peak below which a clause has not begun or has ended."""
EDGE_S = 0.02
"""Kept before and after a clause, so that soft consonants are complete."""
MOST_CHARS = 5000
"""Longest text: five minutes of speech."""


class SpokenClause(NamedTuple):
    """A clause with its sound, float32 (n,)."""

    clause: TextClause
    samples: np.ndarray


def check_text(text: str) -> None:
    """Raise if a text cannot be spoken.

    Raises:
        ModelError: it has no letter or digit, or is too long.
    """
    if not any(character.isalnum() for character in text):
        raise ModelError("The text to speak is empty. Write the words into the column script.")
    if len(text) > MOST_CHARS:
        raise ModelError(f"The text to speak has {len(text):,} characters; at most {MOST_CHARS:,} are supported.")


def strung(spoken: Sequence[SpokenClause], rate: int, engine: str, engine_version: str, note: str = "") -> Speech:
    """Return the speech of clauses in order; it begins with the first sound and ends with the last.

    Raises:
        ModelError: a clause has no sound, so its words would be missing.
    """
    parts: list[np.ndarray] = []
    clauses: list[Clause] = []
    at = 0
    for number, (clause, samples) in enumerate(spoken):
        sound, first, last = _trimmed(samples, rate)
        if not len(sound):
            raise ModelError(f"{engine} spoke nothing for {clause.text!r}. Change these words, or use another voice.")
        clauses.append(Clause(clause.text, (at + first) / rate, (at + last) / rate))
        pause = 0.0 if number == len(spoken) - 1 else SENTENCE_PAUSE_S if clause.ends_sentence else PAUSE_S
        parts += [sound, np.zeros(round(pause * rate), np.float32)]
        at += len(sound) + len(parts[-1])
    return Speech(np.concatenate(parts)[None], rate, tuple(clauses), engine, engine_version, note)


def _trimmed(samples: np.ndarray, rate: int) -> tuple[np.ndarray, int, int]:
    """Return a clause without the silence at both ends, and where it becomes audible and ends, in samples.

    The new edges rise and fall, so that they do not click.
    """
    loud = np.flatnonzero(np.abs(samples) > QUIET * max(float(np.abs(samples).max(initial=0.0)), 1e-4))
    if not len(loud):
        return samples[:0], 0, 0
    edge = round(EDGE_S * rate)
    start = max(0, int(loud[0]) - edge)
    sound = samples[start : int(loud[-1]) + edge].astype(np.float32)
    ramp = np.linspace(0, 1, min(edge // 4, len(sound) // 2), dtype=np.float32)
    if len(ramp):
        sound[: len(ramp)] *= ramp
        sound[-len(ramp) :] *= ramp[::-1]
    return sound, int(loud[0]) - start, min(int(loud[-1]) + 1 - start, len(sound))
