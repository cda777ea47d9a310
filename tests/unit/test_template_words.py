"""Texts of templates: what the brand kit provides, and cards that would be empty."""

import pytest

from adapters.presets.templates import load_templates
from manifests.finish.asset import Asset
from manifests.finish.brand import BrandKit
from manifests.finish.design.samples import sample_texts
from manifests.finish.texts.words import filled, legal_line, reads_right_to_left, with_brand_texts, without_empty_cards

BRAND = BrandKit(name="Acme", legal={"default": "Terms.", "de": "AGB.", "US": "Void in Utah.", "de_AT": "AGB (A)."})


@pytest.mark.parametrize(
    ("language", "market", "line"),
    [
        ("", "", "Terms."),
        ("de", "", "AGB."),
        ("de-CH", "", "AGB."),
        ("de-AT", "", "AGB (A)."),
        ("en-US", "", "Void in Utah."),
        ("de", "us", "Void in Utah."),
        ("fr", "FR", "Terms."),
    ],
)
def test_the_legal_line_of_a_market_or_language(language: str, market: str, line: str):
    assert legal_line(BRAND, language, market) == line


def test_texts_of_the_sheet_come_before_those_of_the_brand():
    assert with_brand_texts({"legal": "Own.", "cta": " "}, BRAND, "de") == {"brand": "Acme", "legal": "Own."}


def test_a_text_with_an_empty_placeholder_is_empty():
    assert filled("From {price} – {cta}", {"price": " 9 ", "cta": "buy"}) == "From 9 – buy"
    assert filled("From {price}", {"price": " "}) == filled("From {price}", {}) == ""
    assert filled("Sale", {}) == "Sale"


def test_cards_that_would_show_nothing_are_left_out():
    clean, minimal = load_templates()["clean"], load_templates()["minimal"]
    logo = Asset(name="a.png", sha256="0" * 64, media_type="image/png")
    assert without_empty_cards(clean, BrandKit(), {}, "").end_card is None
    assert without_empty_cards(clean, BrandKit(), {"cta": "Buy"}, "").end_card == clean.end_card
    assert without_empty_cards(minimal, BrandKit(), {"cta": "Buy"}, "").end_card is None
    assert without_empty_cards(minimal, BrandKit(logos={"default": logo}), {}, "") == minimal
    assert without_empty_cards(clean, BrandKit(legal={"default": "Terms."}), {}, "").end_card == clean.end_card


def test_without_a_language_the_first_letter_decides_the_direction():
    assert reads_right_to_left("", ["123 ", "شراء"])
    assert not reads_right_to_left("", ["Buy", "شراء"])
    assert not reads_right_to_left("", ["123"])
    assert not reads_right_to_left("en", ["شراء"])


def test_placeholders_without_a_sample_show_their_name():
    assert sample_texts(["cta", "store_name"]) == {"cta": "Shop now", "store_name": "Store name"}
