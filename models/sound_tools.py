"""What voices and music of model cards need besides the card: folders, a device, and a way to ask a provider."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from manifests.hosted.wire import Wire
from models.sound_card import HostedSpeechCard

AskProvider = Callable[[HostedSpeechCard, Wire], np.ndarray]
"""Sends a request to the card's provider, and returns the sound in its answer, float32 (1, n) at 48 kHz.

Raises ModelError or ProviderError if there is no account, no answer, or no sound in it."""


def _no_account(card: HostedSpeechCard) -> str:
    return f"{card.name} needs an account at {card.provider}. Set REELMILL_PROVIDER_{card.provider.upper()}_KEY."


def _nothing(name: str) -> str:
    return ""


class SoundTools(NamedTuple):
    """The tools.

    Attributes:
        card_folders: folders with the user's own cards, besides the bundled ones.
        weights_root: folder with the weights of all models; None for the card's own folder and the hub's cache.
        device: ``cpu``, ``cuda`` or ``cuda:0``, for models on this machine; empty for the first GPU, or the CPU.
        ask: sends requests of hosted voices; None if this process has no accounts.
        why_not: returns why a hosted voice cannot be used, one sentence; empty if it can.
        unattested: returns why the licence of a voice or music card, by its name, does not allow to publish yet, one
            sentence; empty if it does, and for engines that have no card.
    """

    card_folders: tuple[Path, ...] = ()
    weights_root: Path | None = None
    device: str = ""
    ask: AskProvider | None = None
    why_not: Callable[[HostedSpeechCard], str] = _no_account
    unattested: Callable[[str], str] = _nothing


NO_TOOLS = SoundTools()
"""Bundled cards, on the first device, without accounts."""
