"""Tables of hosted models in docs/providers.md, generated from their cards."""

from collections.abc import Iterable, Iterator, Sequence

from app.hosted_facts import (
    limits_text,
    price_lines,
    retention_text,
    retirement_text,
    short_price,
)
from models.hosted_card import HostedCard
from tasks.runtime.providers.readiness import key_variable

SOUND = {"none": "no", "switch": "can be switched", "always": "always"}
UNCERTAIN = {
    "external_id": "found by Reelmill's reference",
    "list": "found in the list of jobs",
    "list_by_time": "searched by time, or a person decides",
    "place": "found by its file",
    "none": "a person decides",
    "free": "submitted again, at no cost",
}


def provider_tables(cards: Iterable[HostedCard]) -> str:
    """Return the tables of models and providers, and the list of what is not confirmed, as Markdown."""
    every = sorted(cards, key=lambda card: (card.provider, card.name))
    offered = [card for card in every if not card.retired]
    lines = [
        *_table(_MODEL_COLUMNS, map(_model_row, offered)),
        "",
        "Limits, retention and settlement of uncertain jobs:",
        "",
        *_table(_SERVICE_COLUMNS, map(_service_row, offered)),
        "",
        "Prices, with date and source. The prices are not binding:",
        "",
        *_price_list(offered),
        "",
        "Retired models:",
        "",
        *(f"- `{card.name}`: {card.retired}" for card in every if card.retired),
        "",
        "What is not confirmed, because the cards have not been tested with real accounts:",
        "",
        *_unconfirmed(offered),
    ]
    return "\n".join(lines)


_MODEL_COLUMNS = ("model", "key", "price", "lengths (s)", "sizes", "sound", "seed", "negative prompt")
_SERVICE_COLUMNS = ("model", "account", "keeps files for", "Content Credential", "watermark", "uncertain job", "until")


def _model_row(card: HostedCard) -> tuple[str, ...]:
    sizes = ", ".join(dict.fromkeys(f"{size.width}x{size.height}" for size in card.sizes.values()))
    return (
        f"`{card.name}`",
        f"`{key_variable(card.provider)}`",
        short_price(card),
        card.durations_text,
        sizes,
        SOUND[card.audio],
        "yes" if card.takes_seed else "no",
        "yes" if card.supports_negative_prompt else "no",
    )


def _service_row(card: HostedCard) -> tuple[str, ...]:
    return (
        f"`{card.name}`",
        limits_text(card),
        retention_text(card),
        card.keeps_c2pa,
        card.watermark,
        UNCERTAIN[card.reconcile],
        retirement_text(card) or "–",
    )


def _price_list(cards: Sequence[HostedCard]) -> Iterator[str]:
    """Yield the prices; models with the same ones share a line."""
    found: dict[str, list[str]] = {}
    for card in cards:
        if card.costs_money and card.prices and (card.prices.per_second or card.prices.per_clip):
            *amounts, origin = price_lines(card)
            found.setdefault(f"{'; '.join(amounts)}. {origin}", []).append(f"`{card.name}`")
    for prices, names in found.items():
        yield f"- {', '.join(names)}: {_cell(prices)}."


def _unconfirmed(cards: Sequence[HostedCard]) -> Iterator[str]:
    """Yield what is not confirmed, by provider; models with the same facts share a line."""
    providers = dict.fromkeys(card.provider for card in cards)
    for provider in providers:
        found: dict[str, list[str]] = {}
        own = [card for card in cards if card.provider == provider]
        for card in own:
            for fact in card.unconfirmed:
                found.setdefault(fact, []).append(f"`{card.name}`")
        if found:
            yield f"- {provider}"
        for fact, names in found.items():
            which = "" if len(names) == len(own) else f"{', '.join(names)}: "
            yield f"  - {which}{_cell(fact)}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
