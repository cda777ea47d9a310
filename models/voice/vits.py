"""Voices of the VITS classes of transformers, such as those of Meta's Massively Multilingual Speech."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from manifests.errors import IncompleteWeightsError, ModelError
from models.registry import find_devices
from models.sound_card import SpeechCard
from models.sound_tools import SoundTools
from models.voice.clauses import clauses_of
from models.voice.english import spoken_english
from models.voice.speech import Speech
from models.voice.stringing import SpokenClause, check_text, strung
from models.weights import forbid_network, weights_path, weights_problem

SEED = 0


class VitsVoice:
    """Speaks the languages of a card."""

    def __init__(self, card: SpeechCard, tools: SoundTools) -> None:
        self._card, self._tools = card, tools

    def languages(self) -> frozenset[str]:
        """Return the card's languages if its weights are on this machine."""
        problem = weights_problem(self._card, self._tools.weights_root, quick=True)
        return frozenset() if problem else frozenset(self._card.languages)

    def speak(self, text: str, language: str, voice: str = "") -> Speech:
        """Speak a text; raises as ``Voice.speak`` does.

        Args:
            voice: one of the card's voices; empty for the first.
        """
        check_text(text)
        primary = check_language(self._card.name, self._card.languages, language)
        speaker = self._speaker(voice)
        if problem := weights_problem(self._card, self._tools.weights_root):
            raise IncompleteWeightsError(problem)
        model, tokenizer = _opened(str(weights_path(self._card, self._tools.weights_root)), self._tools.device)
        spoken = []
        for clause in clauses_of(text):
            words = spoken_english(clause.text) if primary == "en" else clause.text
            _check_letters(self._card, tokenizer, words)
            spoken.append(SpokenClause(clause, _sound(model, tokenizer, words, speaker)))
        revision = self._card.weights.revision[:12]
        return strung(spoken, int(model.config.sampling_rate), self._card.title, revision)

    def _speaker(self, voice: str) -> int | None:
        if not voice:
            return next(iter(self._card.voices.values()), None)
        if voice not in self._card.voices:
            raise ModelError(f"{self._card.name} has no voice {voice!r}. {known_voices(self._card.voices)}")
        return self._card.voices[voice]


def check_language(name: str, languages: tuple[str, ...], language: str) -> str:
    """Return the primary tag of a language.

    Raises:
        ModelError: the engine does not speak it.
    """
    primary = (language or "en").replace("_", "-").split("-")[0].lower()
    if primary not in languages:
        raise ModelError(
            f"{name} does not speak the language {language or 'en'!r}, but {', '.join(languages)}. List other voices "
            "with `reelmill voices`."
        )
    return primary


def known_voices(voices: Any) -> str:
    """Return ``Use one of: …``, or that there is only one voice."""
    return f"Use one of: {', '.join(voices)}." if voices else "It has one voice only; leave the name out."


@lru_cache(maxsize=2)
def _opened(folder: str, device: str) -> tuple[Any, Any]:
    """Return the model on the device and its tokenizer; no code of the folder is run, and no pickle is read."""
    from transformers import VitsModel, VitsTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    forbid_network()
    try:
        model = VitsModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
        tokenizer = VitsTokenizer.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    except Exception as error:
        what = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise IncompleteWeightsError(f"The voice in {Path(folder)} cannot be loaded: {what}") from error
    if tokenizer.phonemize or tokenizer.is_uroman:
        needed = "phonemizer" if tokenizer.phonemize else "uroman"
        raise ModelError(
            f"The voice in {Path(folder)} needs the program {needed}, which is not supported. Use another."
        )
    return model.eval().to(device or find_devices()[0]), tokenizer


def _check_letters(card: SpeechCard, tokenizer: Any, words: str) -> None:
    """Raise if the model would leave a letter or digit out."""
    prepared, _ = tokenizer.prepare_for_tokenization(words)
    kept = {*prepared, *tokenizer.encoder}
    lost = next((letter for letter in words if letter.isalnum() and not {letter, letter.lower()} & kept), "")
    if lost:
        fix = "Write numbers as words." if lost.isdigit() else "Change the word, or use another voice."
        raise ModelError(f"{card.name} cannot read {lost!r} in {words!r}. {fix}")


def _sound(model: Any, tokenizer: Any, words: str, speaker: int | None) -> np.ndarray:
    """Return the sound of one clause, float32 (n,); the global random numbers of torch stay as they were."""
    import torch

    inputs = tokenizer(words, return_tensors="pt").to(model.device)
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(SEED)
        waveform = model(**inputs, speaker_id=speaker).waveform[0]
    return np.asarray(waveform.float().cpu().numpy())
