"""English voices of hibari-tts, on the CPU. One voice is in the package; others are used if they are here."""

from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from manifests.errors import ModelError
from models.voice.clauses import clauses_of
from models.voice.english import spoken_english
from models.voice.speech import Speech
from models.voice.stringing import SpokenClause, check_text, strung

if TYPE_CHECKING:
    from hibari import Hibari

RATE = 24_000
SEED = 0
MISSING = "The voice hibari is not installed. Install it with: pip install 'reelmill[finish]'"


class HibariVoice:
    """Speaks English, American and British."""

    def languages(self) -> frozenset[str]:
        """Return ``en`` if the package is installed."""
        return frozenset({"en"}) if is_installed() else frozenset()

    def speak(self, text: str, language: str, voice: str = "") -> Speech:
        """Speak a text; raises as ``Voice.speak`` does.

        Args:
            voice: ``heart`` (American, the default), or another voice of hibari that is on this machine.
        """
        check_text(text)
        if language.split("-")[0].lower() not in {"en", ""}:
            raise ModelError(
                f"The voice hibari speaks English only, not {language!r}. List the voices with `reelmill voices`."
            )
        _check_letters(text)
        name = _named(voice or _default(language))
        reader, spoken = _reader(name), []
        for clause in clauses_of(text):
            samples = reader(spoken_english(clause.text), seed=SEED)
            spoken.append(SpokenClause(clause, np.asarray(samples, np.float32)))
        return strung(spoken, RATE, "hibari-tts", version("hibari-tts"), _note(language, name))


def is_installed() -> bool:
    """Return whether hibari-tts and onnxruntime are installed. Imports neither."""
    from importlib.util import find_spec

    return bool(find_spec("hibari") and find_spec("onnxruntime"))


def voices() -> dict[str, bool]:
    """Return the names of all voices, and whether each is on this machine; none if the package is not installed."""
    if not is_installed():
        return {}
    return {name: _is_here(name) for name in _all_voices()}


def accent_of(name: str) -> str:
    """Return ``American female``."""
    found = _all_voices()[name]
    return f"{found['accent']} {found['gender']}"


def how_to_get(name: str) -> str:
    """Return the command that downloads a voice that is not in the package."""
    return f'hibari "Hello." --voice {name} -o hello.wav'


@cache
def _reader(name: str) -> "Hibari":
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)  # warnings about GPUs that are not there
    from hibari import Hibari

    return Hibari(voice=name)


def _all_voices() -> dict[str, dict[str, str]]:
    from hibari.voices import VOICES

    return dict(VOICES)


def _is_here(name: str) -> bool:
    from hibari.voices import voice_path

    try:
        voice_path(name, download_missing=False)
    except FileNotFoundError:
        return False
    return True


def _default(language: str) -> str:
    """Return the British voice for ``en-GB`` if it is here, otherwise the one in the package."""
    wants_british = language.lower() == "en-gb" and is_installed() and _is_here("emma")
    return "emma" if wants_british else "heart"


def _named(name: str) -> str:
    if not is_installed():
        raise ModelError(MISSING)
    known = voices()
    if name not in known:
        raise ModelError(f"hibari has no voice {name!r}. Use one of: {', '.join(known)}.")
    if not known[name]:
        raise ModelError(
            f"The voice hibari:{name} is not on this machine. Download it with: {how_to_get(name)} (8 MB), or use "
            "hibari:heart."
        )
    return name


def _note(language: str, name: str) -> str:
    if language.lower() == "en-gb" and accent_of(name).startswith("American"):
        return (
            "The text for en-GB is spoken by an American voice, because no British voice is on this machine. "
            f"Download one with: {how_to_get('emma')}"
        )
    return ""


def _check_letters(text: str) -> None:
    """Raise if the text has letters that hibari would leave out."""
    other = next((letter for letter in text if letter.isalpha() and not _is_latin(letter)), "")
    if other:
        raise ModelError(
            f"The voice hibari cannot read the letter {other!r}. Write the English script in Latin letters, or use a "
            "voice of its language; list them with `reelmill voices`."
        )


def _is_latin(letter: str) -> bool:
    return letter.isascii() or ord(letter) < 0x250 or 0x1E00 <= ord(letter) < 0x1F00 or letter in "ªº™℠"
