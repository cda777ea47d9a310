"""Line breaks of Japanese."""

import re

WORD_JOINER = "\N{WORD JOINER}"
_SMALL = "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶー\u31f0-\u31ff"
_BEFORE_SMALL_KANA = re.compile(rf"(?<=[\u3040-\u30ff])(?=[{_SMALL}])")


def keep_small_kana(text: str) -> str:
    """Return a text in which no line begins with a small kana or a sound mark, as in コ|ーヒー.

    These are the strict rules of JIS X 4051. Skia uses the normal ones, which allow such breaks, and has no setting.
    """
    return _BEFORE_SMALL_KANA.sub(WORD_JOINER, text)
