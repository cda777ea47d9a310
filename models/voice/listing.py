"""List all voices, whether they can speak on this machine, and how to get those that cannot."""

from collections.abc import Iterator
from typing import NamedTuple

from models.sound_card import HostedSpeechCard, SpeechCard
from models.sound_tools import NO_TOOLS, SoundTools
from models.voice import espeak, hibari
from models.voice.espeak import PROGRAM as ESPEAK
from models.voice.registry import HIBARI, voice_cards, voice_of
from models.weights import weights_problem

READY, MISSING = "ready", "missing"


class VoiceEntry(NamedTuple):
    """A voice.

    Attributes:
        name: as the column ``voiceover`` and the brand kit take it, such as ``hibari:heart``.
        description: what it sounds like, or what speaks.
        languages: those that it speaks, in alphabetical order; empty if that is not known.
        problem: why it cannot speak on this machine, and how to fix it; empty if it can.
        kind: ``package``, ``program``, ``weights`` or ``hosted``.
    """

    name: str
    description: str
    languages: tuple[str, ...]
    problem: str
    kind: str

    @property
    def state(self) -> str:
        """``ready`` or ``missing``."""
        return MISSING if self.problem else READY


def voice_entries(tools: SoundTools = NO_TOOLS) -> tuple[VoiceEntry, ...]:
    """Return all voices: of the package, of the program, and of the cards."""
    return (*_hibari(), _espeak(), *(_card(card, tools) for card in voice_cards(tools).values()))


def _hibari() -> Iterator[VoiceEntry]:
    if not hibari.is_installed():
        yield VoiceEntry(HIBARI, "English", ("en",), hibari.MISSING, "package")
    for name, is_here in hibari.voices().items():
        problem = "" if is_here else f"Not on this machine. Download it (8 MB) with: {hibari.how_to_get(name)}"
        yield VoiceEntry(f"{HIBARI}:{name}", f"{hibari.accent_of(name)} English", ("en",), problem, "package")


def _espeak() -> VoiceEntry:
    languages = tuple(sorted(voice_of(ESPEAK).languages()))
    return VoiceEntry(ESPEAK, "Many languages, robotic", languages, "" if languages else espeak.MISSING, "program")


def _card(card: SpeechCard | HostedSpeechCard, tools: SoundTools) -> VoiceEntry:
    if isinstance(card, HostedSpeechCard):
        return VoiceEntry(card.name, card.title, card.languages, tools.why_not(card), "hosted")
    problem = weights_problem(card, tools.weights_root, quick=True) or ""
    return VoiceEntry(card.name, card.title, card.languages, problem, "weights")
