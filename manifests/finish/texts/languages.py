"""Language tags (BCP 47): what a cell with a locale means."""

import re
from difflib import get_close_matches

_NAMES = (
    "aa Afar|ab Abkhazian|af Afrikaans|ak Akan|am Amharic|an Aragonese|ar Arabic|as Assamese|av Avaric|ay Aymara|"
    "az Azerbaijani|ba Bashkir|be Belarusian|bg Bulgarian|bi Bislama|bm Bambara|bn Bengali|bo Tibetan|br Breton|"
    "bs Bosnian|ca Catalan|ce Chechen|ch Chamorro|co Corsican|cr Cree|cs Czech|cv Chuvash|cy Welsh|da Danish|"
    "de German|dv Divehi|dz Dzongkha|ee Ewe|el Greek|en English|eo Esperanto|es Spanish|et Estonian|eu Basque|"
    "fa Persian|ff Fulah|fi Finnish|fj Fijian|fo Faroese|fr French|fy Western Frisian|ga Irish|"
    "gd Scottish Gaelic|gl Galician|gn Guarani|gu Gujarati|gv Manx|ha Hausa|he Hebrew|hi Hindi|hr Croatian|"
    "ht Haitian|hu Hungarian|hy Armenian|id Indonesian|ig Igbo|is Icelandic|it Italian|iu Inuktitut|ja Japanese|"
    "jv Javanese|ka Georgian|kg Kongo|ki Kikuyu|kk Kazakh|kl Kalaallisut|km Khmer|kn Kannada|ko Korean|"
    "ks Kashmiri|ku Kurdish|kv Komi|kw Cornish|ky Kyrgyz|la Latin|lb Luxembourgish|lg Ganda|li Limburgish|"
    "ln Lingala|lo Lao|lt Lithuanian|lv Latvian|mg Malagasy|mi Maori|mk Macedonian|ml Malayalam|mn Mongolian|"
    "mr Marathi|ms Malay|mt Maltese|my Burmese|nb Norwegian Bokmål|ne Nepali|nl Dutch|nn Norwegian Nynorsk|"
    "no Norwegian|ny Chichewa|oc Occitan|om Oromo|or Odia|os Ossetian|pa Punjabi|pl Polish|ps Pashto|"
    "pt Portuguese|qu Quechua|rm Romansh|rn Rundi|ro Romanian|ru Russian|rw Kinyarwanda|sa Sanskrit|sc Sardinian|"
    "sd Sindhi|se Northern Sami|sg Sango|si Sinhala|sk Slovak|sl Slovenian|sm Samoan|sn Shona|so Somali|"
    "sq Albanian|sr Serbian|ss Swati|st Southern Sotho|su Sundanese|sv Swedish|sw Swahili|ta Tamil|te Telugu|"
    "tg Tajik|th Thai|ti Tigrinya|tk Turkmen|tl Tagalog|tn Tswana|to Tongan|tr Turkish|ts Tsonga|tt Tatar|"
    "ty Tahitian|ug Uyghur|uk Ukrainian|ur Urdu|uz Uzbek|ve Venda|vi Vietnamese|wa Walloon|wo Wolof|xh Xhosa|"
    "yi Yiddish|yo Yoruba|za Zhuang|zh Chinese|zu Zulu|fil Filipino|yue Cantonese|gsw Swiss German|haw Hawaiian|"
    "ceb Cebuano|cmn Mandarin"
)
LANGUAGES = dict(entry.split(" ", 1) for entry in _NAMES.split("|"))
"""English names by ISO 639 code: all living languages with two letters, and the ones with three that ads are made in.

Source: https://www.loc.gov/standards/iso639-2/php/code_list.php, read December 2026.
"""
_OTHER_NAMES = {
    **dict.fromkeys(("deutsch", "ger", "deu", "allemand", "alemán"), "de"),
    **dict.fromkeys(("français", "francais", "fre", "fra"), "fr"),
    **dict.fromkeys(("español", "espanol", "castellano", "spa"), "es"),
    **dict.fromkeys(("português", "portugues", "por"), "pt"),
    **dict.fromkeys(("brazilian portuguese", "portuguese (brazil)", "brazilian"), "pt-BR"),
    **dict.fromkeys(("italiano", "ita"), "it"),
    **dict.fromkeys(("日本語", "jp", "jpn", "jap"), "ja"),
    **dict.fromkeys(("中文", "cn", "chi", "zho", "simplified chinese", "chinese (simplified)"), "zh"),
    **dict.fromkeys(("traditional chinese", "chinese (traditional)"), "zh-Hant"),
    **dict.fromkeys(("한국어", "kr", "kor"), "ko"),
    **dict.fromkeys(("عربي", "العربية", "ara"), "ar"),
    **dict.fromkeys(("हिन्दी", "hin"), "hi"),
    **dict.fromkeys(("русский", "rus"), "ru"),
    **dict.fromkeys(("eng", "englisch", "anglais", "inglés"), "en"),
    **dict.fromkeys(("us", "usa", "american english", "english (us)", "us english"), "en-US"),
    **dict.fromkeys(("gb", "british english", "english (uk)", "uk english"), "en-GB"),
    **dict.fromkeys(("dk", "dansk"), "da"),
    **dict.fromkeys(("cz", "čeština"), "cs"),
    **dict.fromkeys(("gr", "ελληνικά"), "el"),
    **dict.fromkeys(("ua", "українська"), "uk"),
    **dict.fromkeys(("nederlands", "dut", "nld"), "nl"),
    **dict.fromkeys(("svenska", "swe"), "sv"),
    **dict.fromkeys(("polski", "pol"), "pl"),
    **dict.fromkeys(("türkçe", "turkce", "tur"), "tr"),
    **dict.fromkeys(("farsi",), "fa"),
}
_BY_NAME = {name.casefold(): code for code, name in LANGUAGES.items()} | _OTHER_NAMES
_TAG = re.compile(
    r"(?P<language>[a-z]{2,3})(?:-(?P<script>[a-z]{4}))?(?:-(?P<region>[a-z]{2}|\d{3}))?(?P<rest>(?:-[a-z0-9]{4,8})*)",
    re.IGNORECASE,
)
_REGIONS = {"UK": "GB", "EN": "GB"}
"""Regions that people write instead of those of ISO 3166."""


def canonical(text: str) -> str:
    """Return a language tag in its usual spelling: ``PT_br`` is ``pt-BR``.

    Raises:
        ValueError: it is no language tag. The message continues after the quoted text, with the likely tag.
    """
    found = _TAG.fullmatch(text.strip().replace("_", "-"))
    if not found or found["language"].lower() not in LANGUAGES:
        raise ValueError(f"is not a language tag. {_advice(text)}")
    language, script, region = found["language"].lower(), found["script"], (found["region"] or "").upper()
    tail = found["rest"].lower()
    head = "-".join(filter(None, (language, script and script.title())))
    if region in _REGIONS:
        raise ValueError(f"is not a language tag. Did you mean {head}-{_REGIONS[region]}?")
    return "-".join(filter(None, (head, region))) + tail


def primary(locale: str) -> str:
    """Return the language of a tag: ``pt`` of ``pt-BR``; an empty text of an empty one."""
    return locale.replace("_", "-").partition("-")[0].lower()


def region(locale: str) -> str:
    """Return the region of a tag: ``BR`` of ``pt-BR``; an empty text if it has none."""
    found = _TAG.fullmatch(locale.strip().replace("_", "-"))
    return (found["region"] or "").upper() if found else ""


def language_name(locale: str) -> str:
    """Return the English name of a tag's language: ``Arabic``; the tag itself if it is not known."""
    return LANGUAGES.get(primary(locale), locale)


def is_language(text: str) -> bool:
    """Return whether a text is a tag of a known language."""
    try:
        canonical(text)
    except ValueError:
        return False
    return True


def tag_of_name(text: str) -> str:
    """Return the tag of a language by its name in English or its own language; empty if it is not known."""
    return _BY_NAME.get(" ".join(text.replace("_", " ").casefold().split()), "")


def nearest(locale: str, available: dict[str, str]) -> str:
    """Return the key of the text for a locale: its own tag, or its language without region; empty if there is none.

    Args:
        available: keys by canonical tag.
    """
    return available.get(locale) or available.get(primary(locale)) or ""


def _advice(text: str) -> str:
    name = " ".join(text.replace("_", " ").casefold().split())
    code = _BY_NAME.get(name) or _BY_NAME.get(name.split(" ")[0] if name else "")
    near = get_close_matches(name, _BY_NAME, 1, 0.8)
    code = code or (_BY_NAME[near[0]] if near else "")
    if code:
        return f"Did you mean {code}?"
    return "Use a tag such as en, de-AT or pt-BR."
