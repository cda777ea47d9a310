"""Hosted cards with prices, for tests of money."""

from datetime import date
from decimal import Decimal

from models.hosted_card import AccountLimits, Durations, HostedCard, HostedSize, PriceTable
from models.registry import load_cards

PRICES = PriceTable(
    currency="USD",
    per_second={"720p": Decimal("0.05"), "1080p": Decimal("0.123456")},
    as_of=date(2026, 11, 1),
    source="a test",
)


def priced_card(name: str = "hosted", provider: str = "vendor", **changes: object) -> HostedCard:
    """Return a card with clips of 5 s: 0.25 USD at 16:9 (720p) and 0.61728 USD at 9:16 (1080p)."""
    fields = {
        "name": name,
        "kind": "hosted-text-to-video",
        "title": "A hosted model",
        "description": "A model of a provider.",
        "licence": load_cards()["starter"].licence,
        "provider": provider,
        "protocol": "runway",
        "base_url": "https://api.example",
        "model": "model-1",
        "sizes": {
            "16:9": HostedSize(height=720, width=1280, word="1280:720", resolution="720p"),
            "9:16": HostedSize(height=1920, width=1080, word="1080:1920", resolution="1080p"),
        },
        "durations": Durations(allowed=(5, 10), default_s=5),
        "fps": 24,
        "min_adherence": 0.2,
        "prices": PRICES,
        "limits_of_account": AccountLimits(concurrency=4),
        "poll_s": 5.0,
        "reconcile": "none",
    }
    return HostedCard(**(fields | changes))
