"""Checks of a hosted card's fields that depend on each other, as ``field …: sentence``."""

from collections.abc import Iterator

from manifests.pluralize import any_of
from models.hosted_card import HostedCard, Protocol

WORD_NEEDED: frozenset[Protocol] = frozenset({"runway", "google_omni", "vertex_veo", "ark", "luma"})
"""Protocols whose requests name the size by its ``word``."""
WORD_NEEDED_FOR_TEXT: frozenset[Protocol] = frozenset({"kling", "dashscope", "fal"})
"""Protocols whose requests do the same, unless a first frame decides the size."""


def hosted_problems(card: HostedCard) -> Iterator[str]:
    """Yield the problems of a card that a request or a bill would reveal otherwise."""
    if not card.retired:
        yield from _missing_words(card)
        yield from _missing_prices(card)


def _missing_words(card: HostedCard) -> Iterator[str]:
    """Without the word, the provider would refuse the request, or choose the size."""
    is_needed = card.protocol in WORD_NEEDED
    if card.protocol in WORD_NEEDED_FOR_TEXT and not card.needs_first_frame:
        is_needed = card.protocol != "fal" or len(card.sizes) > 1  # models on fal with one size may accept no ratio
    if not is_needed:
        return
    for ratio, size in card.sizes.items():
        if not size.word:
            example = f"{size.width}:{size.height}" if card.protocol == "runway" else ratio
            yield f'field sizes.{ratio}.word: missing; add the provider\'s name of this size, such as "{example}".'


def _missing_prices(card: HostedCard) -> Iterator[str]:
    prices = card.prices
    if prices is None or not (prices.per_second or prices.per_clip):
        return
    for ratio, size in card.sizes.items():
        for seconds in card.durations.seconds:
            if prices.of_clip(size.resolution, seconds) is None:
                yield _missing_price(card, ratio, size.resolution, seconds)


def _missing_price(card: HostedCard, ratio: str, resolution: str, seconds: int) -> str:
    prices = card.prices
    known = [*prices.per_second, *prices.per_clip] if prices else []
    if not resolution:
        return (
            f"field sizes.{ratio}.resolution: missing, but the prices are for {any_of(known)}; add the resolution, or "
            'name the price "any".'
        )
    field, key = ("per_second", resolution) if prices and prices.per_second else ("per_clip", f"{resolution}/{seconds}")
    return (
        f'field prices.{field}: the price of "{key}", which sizes.{ratio} needs, is missing; there are prices only of '
        f"{any_of(known)}. Add it, or fix the resolution."
    )
