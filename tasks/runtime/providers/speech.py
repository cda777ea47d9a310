"""Ask hosted voices, and keep what they return, so that no text is paid for twice."""

import tempfile
import threading
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import numpy as np

from adapters.files.durable import write_shared
from adapters.hosted.tokens import AccountKey
from adapters.hosted.transport import Timeouts, Transport
from adapters.media.soundtrack.decode import decode
from manifests.errors import EncodingError, ModelError, ProviderError
from manifests.hosted.wire import Answer, KeyRule, Wire
from manifests.identity import content_id
from models.sound_card import HostedSpeechCard
from models.sound_tools import SoundTools
from tasks.runtime.logs.redaction import redact
from tasks.runtime.providers.provider_accounts import ProviderAccount
from tasks.runtime.resources import Resources

TIMEOUTS = Timeouts(total=120.0)
MAX_BODY = 32_000_000
"""Largest sound that is read, in bytes: minutes of WAV."""
LONGEST_S = 120.0
"""Longest sound of one clause."""
BUSY = frozenset({408, 429, 500, 502, 503, 504, 529})
SHOWN = 200


class BusyProviderError(ProviderError):
    """The provider does not answer at the moment. The same request may succeed later."""

    transient = True


def sound_tools_of(resources: Resources) -> SoundTools:
    """Return what voices and music of cards need on this machine."""
    return SoundTools(
        card_folders=resources.model_folders,
        weights_root=resources.weights_root,
        device=next(iter(resources.devices), ""),
        ask=lambda card, wire: spoken_by_provider(resources, card, wire),
        why_not=lambda card: why_not(resources, card),
    )


def why_not(resources: Resources, card: HostedSpeechCard, today: date | None = None) -> str:
    """Return why a hosted voice cannot be used, one sentence; empty if it can. No request is sent."""
    account = _account(resources, card)
    if card.retired:
        return f"{card.name} is retired: {card.retired}"
    if card.retires and card.retires < (today or datetime.now(UTC).date()):
        return f"{card.name} was retired on {card.retires}. Use another voice from `reelmill voices`."
    if account.problem:
        return account.problem
    if account.key or (not card.costs_money and account in resources.providers):
        return ""
    name = f"REELMILL_PROVIDER_{card.provider.upper()}"
    if card.costs_money:
        return f"{card.name} needs an account at {card.provider}. Set {name}_KEY or {name}_KEY_FILE."
    return f"{card.name} needs the address of your server. Set {name}_URL, for example to {card.base_url}."


def spoken_by_provider(resources: Resources, card: HostedSpeechCard, wire: Wire) -> np.ndarray:
    """Return the sound in the answer to a request, float32 (1, n) at 48 kHz; the answer is kept.

    Raises:
        ProviderError: there is no complete answer; BusyProviderError if the same request may succeed later.
        ModelError: the provider refused the request, or its answer contains no sound.
    """
    account = _account(resources, card)
    base_url = account.url or card.base_url
    kept = resources.speech / f"{content_id([base_url, card.protocol, wire.json])}.sound"
    with _lock_of(str(kept)):  # the placements of a row need the same sound at the same time
        if not kept.is_file():
            sound = _asked(account, card, wire._replace(url=wire.url.replace(card.base_url, base_url, 1)))
            _check_sound(card, sound)
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_shared(kept, sound)
    return np.asarray(decode(kept, LONGEST_S).mean(0, keepdims=True), np.float32)


@cache
def _lock_of(path: str) -> threading.Lock:
    return threading.Lock()


def _account(resources: Resources, card: HostedSpeechCard) -> ProviderAccount:
    found = (each for each in resources.providers if each.provider == card.provider)
    return next(found, ProviderAccount(card.provider))


def _asked(account: ProviderAccount, card: HostedSpeechCard, wire: Wire) -> bytes:
    """Send the request once, and return the body of the answer."""
    headers = AccountKey(KeyRule(), account.key, account.values).headers()
    with Transport(wire.url, plain_http=card.plain_http, timeouts=TIMEOUTS) as transport:
        answer = transport.send(wire, headers, MAX_BODY)
    if answer.status == 200:
        return answer.body
    what = f"{card.provider} answered with status {answer.status}{_reason(answer)}"
    if answer.status in BUSY:
        raise BusyProviderError(f"{what}. Run the same command again later.")
    if answer.status in (401, 403):
        raise ModelError(f"{what}. Check REELMILL_PROVIDER_{card.provider.upper()}_KEY.")
    raise ModelError(f"{what}. Check the card {card.name}, its voice and the script.")


def _reason(answer: Answer) -> str:
    text = " ".join(redact(answer.body.decode(errors="replace")).split())
    return f": {text[:SHOWN]}" if text else ""


def _check_sound(card: HostedSpeechCard, sound: bytes) -> None:
    with tempfile.TemporaryDirectory(prefix="reelmill-speech-") as folder:
        path = Path(folder) / "answer"
        path.write_bytes(sound)
        try:
            decode(path, LONGEST_S)
        except EncodingError as error:
            raise ModelError(
                f"The answer of {card.provider} contains no sound. Check the address and the model of {card.name}."
            ) from error
