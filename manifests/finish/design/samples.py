"""Sample texts, for previews of templates."""

from collections.abc import Iterable

SAMPLE_TEXTS = {
    "cta": "Shop now",
    "headline": "Fresh coffee every morning",
    "legal": "Offer ends 31 December. Terms apply.",
    "price": "€ 9.90",
}


def sample_texts(placeholders: Iterable[str]) -> dict[str, str]:
    """Return a text for each placeholder; for one without a sample, its name in words."""
    return {name: SAMPLE_TEXTS.get(name, name.replace("_", " ").capitalize()) for name in placeholders}
