"""Keep Japanese phrases on one line. Unicode allows a break between any two characters, also inside words."""

import regex

_JOINER = "\N{WORD JOINER}"
_JAPANESE = r"\p{Han}\p{Hiragana}\p{Katakana}ー々"
_POLITE = r"[おご]\p{Han}"
"""お and ご before a Chinese character usually begin a phrase: お届け, ご注文."""
_INSIDE = regex.compile(
    # Phrases usually end with hiragana or punctuation, and the next one begins with another kind of character.
    rf"(?<=[{_JAPANESE}])(?=\p{{Hiragana}})(?!{_POLITE})"
    rf"|(?<=[おご])(?=\p{{Han}})"
    rf"|(?<=[\p{{Han}}\p{{Katakana}}ー々\p{{Nd}}%％])(?=[{_JAPANESE}\p{{Nd}}])(?!{_POLITE})"
)
_KANA = regex.compile(r"[\p{Hiragana}\p{Katakana}]")


def with_whole_phrases(text: str) -> str:
    """Return a text with word joiners inside Japanese phrases; other texts are unchanged."""
    return _INSIDE.sub(_JOINER, text) if _KANA.search(text) else text
