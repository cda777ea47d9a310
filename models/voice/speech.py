"""What a voice returns, and the protocol of voices."""

from typing import NamedTuple, Protocol

import numpy as np


class Clause(NamedTuple):
    """A part of the text that was spoken without a pause, with its times in seconds from the start of the speech."""

    text: str
    start_s: float
    end_s: float


class Speech(NamedTuple):
    """Spoken text.

    Attributes:
        samples: float32 (1, n), -1..1.
        rate: samples per second.
        clauses: in order; their times are exact, because each clause is synthesised separately.
        engine, engine_version: the software, such as ``hibari-tts`` and ``0.2.1``.
        note: what people should know, such as low quality; empty for nothing.
        source_type: last part of the IPTC digital source type; ``algorithmicMedia`` without a trained model.
    """

    samples: np.ndarray
    rate: int
    clauses: tuple[Clause, ...]
    engine: str
    engine_version: str
    note: str = ""
    source_type: str = "trainedAlgorithmicMedia"


class Voice(Protocol):
    """Speaks texts of some languages."""

    def languages(self) -> frozenset[str]:
        """Return the languages that it speaks on this machine, as BCP 47 primary tags such as ``en``."""
        ...

    def speak(self, text: str, language: str, voice: str = "") -> Speech:
        """Speak a text; the same inputs give the same samples.

        Raises:
            ModelError: the voice or the language is not available; the message names how to get it.
        """
        ...
