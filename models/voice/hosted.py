"""Hosted voices: requests in the OpenAI speech protocol, which many providers and self-hosted servers offer."""

from manifests.errors import ModelError
from manifests.hosted.wire import Wire
from models.sound_card import HostedSpeechCard
from models.sound_tools import SoundTools
from models.voice.clauses import clauses_of
from models.voice.speech import Speech
from models.voice.stringing import SpokenClause, check_text, strung
from models.voice.vits import check_language, known_voices

RATE = 48_000


class HostedVoice:
    """Speaks the languages of a card by asking its provider."""

    def __init__(self, card: HostedSpeechCard, tools: SoundTools) -> None:
        self._card, self._tools = card, tools

    def languages(self) -> frozenset[str]:
        """Return the card's languages if it can be used with the accounts of this machine."""
        return frozenset() if self._tools.why_not(self._card) else frozenset(self._card.languages)

    def speak(self, text: str, language: str, voice: str = "") -> Speech:
        """Speak a text with one request for each clause; raises as ``Voice.speak`` does.

        Args:
            voice: one of the card's voices; empty for the first.
        """
        check_text(text)
        check_language(self._card.name, self._card.languages, language)
        if voice and voice not in self._card.voices:
            raise ModelError(f"{self._card.name} has no voice {voice!r}. {known_voices(self._card.voices)}")
        if problem := self._tools.why_not(self._card):
            raise ModelError(problem)
        if self._tools.ask is None:
            raise ModelError(f"{self._card.name} is asked by machines with an account at {self._card.provider} only.")
        spoken = []
        for clause in clauses_of(text):
            sound = self._tools.ask(self._card, request_of(self._card, clause.text, voice or self._card.voices[0]))
            spoken.append(SpokenClause(clause, sound[0]))
        return strung(spoken, RATE, self._card.title, self._card.model)


def request_of(card: HostedSpeechCard, text: str, voice: str) -> Wire:
    """Return the request for one clause; the transport puts the address of the account before it."""
    body = {"model": card.model, "input": text, "voice": voice, "response_format": "wav"}
    if card.instructions:
        body["instructions"] = card.instructions
    return Wire("POST", f"{card.base_url.rstrip('/')}/audio/speech", json=body)
