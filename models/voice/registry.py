"""Find voice engines by name and by language: built-in ones, then those of model cards. Imports no engine."""

import difflib
from collections.abc import Iterator

from manifests.errors import ModelError
from models.registry import sound_cards
from models.sound_card import HostedSpeechCard, SpeechCard
from models.sound_tools import NO_TOOLS, SoundTools
from models.voice.espeak import PROGRAM as ESPEAK
from models.voice.espeak import EspeakVoice
from models.voice.hibari import HibariVoice
from models.voice.speech import Voice

HIBARI = "hibari"
_BUILT_IN: dict[str, type[HibariVoice] | type[EspeakVoice]] = {HIBARI: HibariVoice, ESPEAK: EspeakVoice}


def voice_of(engine: str, tools: SoundTools = NO_TOOLS) -> Voice:
    """Return the engine with this name, whether it can speak on this machine or not.

    Args:
        engine: ``hibari``, ``espeak-ng``, or the name of a voice card.

    Raises:
        ModelError: no engine has this name; the message suggests similar ones.
    """
    if engine in _BUILT_IN:
        return _BUILT_IN[engine]()
    cards = voice_cards(tools)
    if engine in cards:
        return _of_card(cards[engine], tools)
    near = difflib.get_close_matches(engine.lower(), [*_BUILT_IN, *cards], n=1)
    advice = f"Did you mean {near[0]}?" if near else "List the voices with `reelmill voices`."
    raise ModelError(f"No voice engine is named {engine!r}. {advice}")


def engines_for(language: str, tools: SoundTools = NO_TOOLS) -> tuple[str, ...]:
    """Return the engines that speak a language on this machine, the best first.

    Engines that cost nothing come before those that do; espeak-ng, which sounds robotic, comes after other local ones.
    Cards with conditions in their licence are left out: they are used only if the sheet or the brand kit names them.

    Args:
        language: BCP 47 tag such as ``en-GB`` or ``de``; empty for English.
    """
    primary = (language or "en").replace("_", "-").split("-")[0].lower()
    return tuple(name for name in _in_order(tools) if primary in voice_of(name, tools).languages())


def voice_cards(tools: SoundTools = NO_TOOLS) -> dict[str, SpeechCard | HostedSpeechCard]:
    """Return all voice cards by name, the bundled ones and the user's; invalid cards are left out."""
    found = sound_cards(tools.card_folders)
    return {name: card for name, card in found.items() if isinstance(card, SpeechCard | HostedSpeechCard)}


def split_voice(name: str) -> tuple[str, str]:
    """Return engine and voice of ``hibari:heart``; the voice is empty in ``hibari``."""
    engine, _, voice = name.partition(":")
    return engine.strip(), voice.strip()


def _of_card(card: SpeechCard | HostedSpeechCard, tools: SoundTools) -> Voice:
    if isinstance(card, HostedSpeechCard):
        from models.voice.hosted import HostedVoice

        return HostedVoice(card, tools)
    from models.voice.vits import VitsVoice

    return VitsVoice(card, tools)


def _in_order(tools: SoundTools) -> Iterator[str]:
    cards = [card for card in voice_cards(tools).values() if not list(card.licence.conditions())]
    hosted = [card for card in cards if isinstance(card, HostedSpeechCard)]
    yield HIBARI
    yield from (card.name for card in cards if isinstance(card, SpeechCard))
    yield from (card.name for card in hosted if not card.costs_money)
    yield ESPEAK
    yield from (card.name for card in hosted if card.costs_money)
