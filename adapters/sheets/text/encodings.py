"""The encodings of text files: their codecs, the names by which people know them, and how usual they are."""

import codecs
import re
from difflib import get_close_matches
from typing import NamedTuple

from manifests.errors import UnreadableSheetError


class Encoding(NamedTuple):
    """An encoding that is detected.

    Attributes:
        codec: Python's name for it.
        name: the name that is shown to people.
        option: the value of --encoding that selects it.
        weight: factor for its score; spreadsheet programs write some encodings more often than others.
    """

    codec: str
    name: str
    option: str
    weight: float = 1.0


_UNUSUAL = 0.85

UTF_8 = Encoding("utf-8", "UTF-8", "utf-8")
DETECTED = (
    Encoding("cp1252", "Windows-1252 (Western European)", "cp1252", 1.2),
    Encoding("cp1250", "Windows-1250 (Central European)", "cp1250"),
    Encoding("cp1251", "Windows-1251 (Cyrillic)", "cp1251"),
    Encoding("cp1253", "Windows-1253 (Greek)", "cp1253"),
    Encoding("cp1254", "Windows-1254 (Turkish)", "cp1254"),
    Encoding("cp1255", "Windows-1255 (Hebrew)", "cp1255"),
    Encoding("cp1256", "Windows-1256 (Arabic)", "cp1256"),
    Encoding("cp1257", "Windows-1257 (Baltic)", "cp1257"),
    Encoding("cp1258", "Windows-1258 (Vietnamese)", "cp1258"),
    Encoding("cp874", "Windows-874 (Thai)", "cp874"),
    Encoding("gb18030", "GBK (simplified Chinese)", "gbk"),
    Encoding("big5hkscs", "Big5 (traditional Chinese)", "big5"),
    Encoding("cp932", "Shift-JIS (Japanese)", "shift-jis"),
    Encoding("euc_jis_2004", "EUC-JP (Japanese)", "euc-jp"),
    Encoding("iso2022_jp_2", "ISO-2022-JP (Japanese)", "iso-2022-jp"),
    Encoding("cp949", "EUC-KR (Korean)", "euc-kr"),
    Encoding("mac-roman", "Mac Roman (Western European)", "mac-roman"),
    Encoding("koi8-r", "KOI8-R (Cyrillic)", "koi8-r"),
    Encoding("koi8-u", "KOI8-U (Ukrainian)", "koi8-u"),
    Encoding("iso8859-2", "ISO-8859-2 (Central European)", "iso8859-2"),
    Encoding("iso8859-5", "ISO-8859-5 (Cyrillic)", "iso8859-5"),
    Encoding("iso8859-6", "ISO-8859-6 (Arabic)", "iso8859-6"),
    Encoding("iso8859-7", "ISO-8859-7 (Greek)", "iso8859-7"),
    Encoding("iso8859-15", "ISO-8859-15 (Western European)", "iso8859-15"),
    Encoding("iso8859-13", "ISO-8859-13 (Baltic)", "iso8859-13", _UNUSUAL),
    Encoding("mac-latin2", "Mac Central European", "mac-latin2", _UNUSUAL),
    Encoding("mac-cyrillic", "Mac Cyrillic", "mac-cyrillic", _UNUSUAL),
    Encoding("mac-greek", "Mac Greek", "mac-greek", _UNUSUAL),
    Encoding("mac-turkish", "Mac Turkish", "mac-turkish", _UNUSUAL),
    Encoding("cp437", "MS-DOS 437 (US)", "cp437", _UNUSUAL),
    Encoding("cp850", "MS-DOS 850 (Western European)", "cp850", _UNUSUAL),
    Encoding("cp852", "MS-DOS 852 (Central European)", "cp852", _UNUSUAL),
    Encoding("cp866", "MS-DOS 866 (Cyrillic)", "cp866", _UNUSUAL),
    Encoding("cp737", "MS-DOS 737 (Greek)", "cp737", _UNUSUAL),
    Encoding("cp857", "MS-DOS 857 (Turkish)", "cp857", _UNUSUAL),
)
"""The encodings that Excel, LibreOffice and older programs write on Windows, Mac, Linux and MS-DOS.

ISO-8859-1, -8 and -9 are missing because Windows-1252, -1255 and -1254 contain the same letters.
"""
BY_CODEC = {encoding.codec: encoding for encoding in (UTF_8, *DETECTED)}
_SUPERSETS = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "cp950": "big5hkscs",
    "shift_jis": "cp932",
    "euc_jp": "euc_jis_2004",
    "iso2022_jp": "iso2022_jp_2",
    "euc_kr": "cp949",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
    "iso8859-11": "cp874",
}
"""Codecs that programs extend without changing the name, as in the WHATWG Encoding Standard, with what they write."""
_OTHER_NAMES = {"ansi": "cp1252", "macintosh": "mac-roman", "unicode": "utf-16", "windows-874": "cp874"}


def encoding_of(option: str) -> Encoding:
    """Return the encoding that a person names with --encoding.

    Raises:
        UnreadableSheetError: there is no such encoding. The message continues after the file's name and has no full
            stop.
    """
    typed = re.sub(r"[\s_]+", "-", option.strip().lower())
    by_name = {encoding.name.lower().split(" (")[0].replace(" ", "-"): encoding for encoding in BY_CODEC.values()}
    if typed in by_name:
        return by_name[typed]
    try:
        found = codecs.lookup(_OTHER_NAMES.get(typed, typed))
        known = "".encode(found.name) is not None
    except (LookupError, ValueError, TypeError):
        known = False
    if not known:
        raise UnreadableSheetError(_unknown(option, typed, [*by_name, *(each.option for each in BY_CODEC.values())]))
    codec = _SUPERSETS.get(found.name, found.name)
    return BY_CODEC.get(codec) or Encoding(codec, codec.upper(), codec)


def _unknown(option: str, typed: str, names: list[str]) -> str:
    near = get_close_matches(typed, names, 1, 0.6)
    meant = f"Did you mean {near[0]}? " if near else ""
    return (
        f"cannot be read because '{option}' is not a known encoding. {meant}Examples are utf-8, cp1252, cp1251, "
        "shift-jis and mac-roman"
    )


def codec_of_name(name: str) -> str:
    """Return the codec of an encoding by the name that is shown to people; empty for an unknown name."""
    shown = next((each.codec for each in BY_CODEC.values() if each.name == name), "")
    if shown:
        return shown
    try:
        return codecs.lookup(name).name
    except LookupError:
        return ""
