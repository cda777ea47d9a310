"""Find voice engines by name and by language. Importing this module imports no engine."""

import difflib

from manifests.errors import ModelError
from models.voice.espeak import PROGRAM as ESPEAK
from models.voice.espeak import EspeakVoice
from models.voice.hibari import HibariVoice
from models.voice.speech import Voice

HIBARI = "hibari"
_BUILT_IN: dict[str, type[Voice]] = {HIBARI: HibariVoice, ESPEAK: EspeakVoice}
"""In the order of preference."""


def voice_of(engine: str) -> Voice:
    """Return the engine with this name, whether it can speak on this machine or not.

    Raises:
        ModelError: no engine has this name; the message suggests similar ones.
    """
    if engine in _BUILT_IN:
        return _BUILT_IN[engine]()
    near = difflib.get_close_matches(engine.lower(), _BUILT_IN, n=1)
    advice = f"Did you mean {near[0]}?" if near else "List the voices with `reelmill voices`."
    raise ModelError(f"No voice engine is named {engine!r}. {advice}")


def engines_for(language: str) -> tuple[str, ...]:
    """Return the engines that speak a language on this machine, the best first.

    Args:
        language: BCP 47 tag such as ``en-GB`` or ``de``; empty for English.
    """
    primary = (language or "en").replace("_", "-").split("-")[0].lower()
    return tuple(name for name in _BUILT_IN if primary in voice_of(name).languages())


def split_voice(name: str) -> tuple[str, str]:
    """Return engine and voice of ``hibari:heart``; the voice is empty in ``hibari``."""
    engine, _, voice = name.partition(":")
    return engine.strip(), voice.strip()
