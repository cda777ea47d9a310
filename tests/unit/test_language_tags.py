"""Locales are language tags; words that people write instead are recognised."""

import pytest

from manifests.finish.texts.languages import LANGUAGES, canonical, is_language, language_name, nearest, primary, region


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("en", "en"),
        ("EN-us", "en-US"),
        ("pt_br", "pt-BR"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        (" de ", "de"),
        ("ca-valencia", "ca-valencia"),
    ],
)
def test_tags_have_one_spelling(text: str, tag: str):
    assert canonical(text) == tag
    assert canonical(tag) == tag


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("english", "en"),
        ("German", "de"),
        ("germann", "de"),
        ("Deutsch", "de"),
        ("jp", "ja"),
        ("cn", "zh"),
        ("en-UK", "en-GB"),
        ("US", "en-US"),
        ("Brazilian Portuguese", "pt-BR"),
        ("Spanish (Mexico)", "es"),
    ],
)
def test_words_instead_of_tags_get_the_tag(text: str, meant: str):
    with pytest.raises(ValueError, match=rf"is not a language tag\. Did you mean {meant}\?$"):
        canonical(text)
    assert is_language(meant)


@pytest.mark.parametrize("text", ["Klingon", "xx", "DACH", "", "en-", "en US east"])
def test_other_words_get_an_example(text: str):
    with pytest.raises(ValueError, match=r"Use a tag such as en, de-AT or pt-BR|Did you mean en"):
        canonical(text)


@pytest.mark.parametrize("code", LANGUAGES)
def test_each_language_is_a_tag_and_its_name_means_it(code: str):
    assert canonical(code) == code
    with pytest.raises(ValueError, match=f"Did you mean {code}"):
        canonical(LANGUAGES[code])


def test_the_parts_of_a_tag():
    assert (primary("pt-BR"), region("pt-BR"), region("zh-Hant"), language_name("ar-EG")) == ("pt", "BR", "", "Arabic")


def test_a_language_serves_its_regions_but_no_region_serves_another():
    available = {"de": "de", "pt-BR": "pt-BR"}
    assert [nearest(tag, available) for tag in ("de-AT", "de", "pt-BR", "pt-PT", "pt", "fr")] == [
        *("de", "de", "pt-BR", "", "", "")
    ]
