"""Texts of a template: placeholders and what the brand kit provides for them."""

import unicodedata
from collections.abc import Iterable, Mapping

from manifests.finish.brand import BrandKit
from manifests.finish.design.geometry import is_right_to_left
from manifests.finish.design.template import PLACEHOLDER, Card, FinishTemplate, LogoLayer, TextLayer


def with_brand_texts(texts: Mapping[str, str], brand: BrandKit, language: str, market: str = "") -> dict[str, str]:
    """Return the texts with ``{brand}``, the name of the brand, and ``{legal}``, its legal line.

    Args:
        language: such as ``de`` or ``de-AT``; its legal line is that of ``de-AT``, ``AT``, ``de`` or ``default``.
        market: such as ``US``; its legal line comes before those of the language.
    """
    filled = {name: text for name, text in texts.items() if text.strip()}
    provided = {"brand": brand.name, "legal": legal_line(brand, language, market)}
    return {name: text for name, text in provided.items() if text} | filled


def legal_line(brand: BrandKit, language: str, market: str = "") -> str:
    """Return the legal line of a market or language; empty if the brand has none."""
    lines = {key.replace("_", "-").casefold(): text for key, text in brand.legal.items()}
    tag = language.replace("_", "-").casefold()
    primary, _, region = tag.partition("-")
    keys = (market.casefold(), tag, region, primary, "default")
    return next((lines[key] for key in keys if key and key in lines), "")


def filled(text: str, texts: Mapping[str, str]) -> str:
    """Return a layer's text with its placeholders replaced; empty if one of them is empty."""
    if any(not texts.get(name, "").strip() for name in PLACEHOLDER.findall(text)):
        return ""
    return PLACEHOLDER.sub(lambda found: texts[found[1]].strip(), text).strip()


def reads_right_to_left(language: str, texts: Iterable[str]) -> bool:
    """Return whether a layout is mirrored: by its language or, without one, by the first letter of its texts."""
    if language:
        return is_right_to_left(language)
    directions = (unicodedata.bidirectional(letter) for text in texts for letter in text)
    return next((way in ("R", "AL") for way in directions if way in ("L", "R", "AL")), False)


def without_empty_cards(
    template: FinishTemplate, brand: BrandKit, texts: Mapping[str, str], language: str
) -> FinishTemplate:
    """Return a template without the cards that would show nothing but their background."""
    words = with_brand_texts(texts, brand, language)
    intro = template.intro if template.intro and _shows_anything(template.intro, brand, words) else None
    end_card = template.end_card if template.end_card and _shows_anything(template.end_card, brand, words) else None
    return template.model_copy(update={"intro": intro, "end_card": end_card})


def _shows_anything(card: Card, brand: BrandKit, words: Mapping[str, str]) -> bool:
    has_logo = bool(brand.logos or brand.name)
    return any(
        has_logo if isinstance(layer, LogoLayer) else bool(filled(layer.text, words))
        for layer in card.layers
        if isinstance(layer, LogoLayer | TextLayer)
    )
