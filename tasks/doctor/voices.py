"""Check which languages can be spoken on this machine, and whether there is music."""

from models.music import library
from models.voice.espeak import PROGRAM as ESPEAK
from models.voice.listing import voice_entries
from models.voice.registry import HIBARI
from tasks.doctor.check import OK, WARN, Finding
from tasks.runtime.providers.speech import sound_tools_of
from tasks.runtime.resources import Resources

MANY = 12


def check_voices(resources: Resources) -> list[Finding]:
    """Name the voices by language. Campaigns without voices need none, so a missing voice is a warning at most."""
    ready = [entry for entry in voice_entries(sound_tools_of(resources)) if not entry.problem]
    engines: dict[str, tuple[str, ...]] = {}
    for entry in ready:
        engines.setdefault(entry.name.partition(":")[0], entry.languages)
    if not engines:
        return [Finding(WARN, "No voice is installed.", "Run: pip install 'reelmill[finish]'"), _music()]
    said = "; ".join(f"{name} speaks {_spoken(languages)}" for name, languages in engines.items())
    findings = [Finding(OK, f"{said}. List them with `reelmill voices`.")]
    if HIBARI in engines and len(engines) == 1:
        fix = "For other languages, install espeak-ng (robotic), or set up a voice from `reelmill voices`."
        findings.append(Finding(WARN, "English is the only language with a voice.", fix))
    if ESPEAK in engines and len(engines) == 1:
        fix = "For a better English voice, run: pip install 'reelmill[finish]'"
        findings.append(Finding(WARN, "espeak-ng is the only voice, and sounds robotic.", fix))
    return [*findings, _music()]


def _spoken(languages: tuple[str, ...]) -> str:
    return f"{len(languages)} languages" if len(languages) > MANY else ", ".join(languages)


def _music() -> Finding:
    number = len(library.tracks())
    if not number:
        return Finding(WARN, "The music library is not installed.", "Run: pip install 'reelmill[finish]'")
    return Finding(OK, f"The music library has {number} tracks in the moods {', '.join(library.moods())}.")
