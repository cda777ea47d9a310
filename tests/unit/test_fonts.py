"""Fonts: which one draws what, and characters that none has."""

import lzma
from io import BytesIO
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from adapters.media.drawing.fonts import FontSet, fonts_for, missing_glyphs, missing_message
from adapters.media.drawing.typesetting.font_choice import runs
from adapters.media.drawing.typesetting.shipped_fonts import FOLDER, shipped_covers
from manifests.errors import FinishError
from manifests.finish.asset import Asset
from manifests.finish.brand import BrandKit

SHIPPED = FontSet(system=False)
"""Without the fonts of this machine."""
FAMILY = "👨‍👩‍👧‍👦"
TEXTS = {
    "de": "Donaudampfschifffahrtsgesellschaftskapitänsmütze – nur 19,99 €",
    "ar": "قهوة طازجة كل صباح مع خصم ٢٠٪ اليوم فقط!",
    "hi": "ताज़ा कॉफ़ी – आज ही ख़रीदें क्षत्रिय ज्ञान",
    "ja": "新鮮なコーヒーを毎朝お届けします。今日だけ２０％オフ！",
    "zh": "新鲜咖啡豆每天早上现磨现煮，今天全场八折优惠",
    "ko": "매일 아침 신선한 커피를 집으로 배달해 드립니다",
    "th": "กาแฟสดใหม่ทุกเช้า",
    "he": "קפה טרי כל בוקר!",
    "ru": "Свежий кофе каждое утро, ёлка",
    "el": "Φρέσκος καφές κάθε πρωί",
    "vi": "Cà phê tươi mỗi buổi sáng",
    "": f"🔥 {FAMILY} 🇩🇪 ❤️ 👍🏽 1️⃣ ☎ ✓ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 → ★",
}


def font_file(family: str, folder: Path, characters: str = "") -> Path:
    """Write a shipped font, or its glyphs of some characters only, as a TTF file of a family "Brand"."""
    font = TTFont(BytesIO(lzma.decompress((FOLDER / f"{family}-Regular.ttf.xz").read_bytes())))
    for table in font["cmap"].tables:
        table.cmap = {code: name for code, name in table.cmap.items() if not characters or chr(code) in characters}
    for record in font["name"].names:
        if record.nameID in {1, 16}:
            record.string = "Brand"
    path = folder / f"{family}.ttf"
    font.save(path)
    return path


@pytest.mark.parametrize(("language", "text"), TEXTS.items())
def test_the_shipped_fonts_have_every_language_of_the_launch(language: str, text: str):
    assert missing_glyphs(text, SHIPPED, language=language) == ()


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("a\u200db\ufe0fc\u00add\u2060", ()),  # joiners and selectors are never visible
        ("line\r\none\ttwo\u2028", ()),
        ("bell\a and \x00", ("\a", "\x00")),
        ("𓂀 and 𓂀", ("𓂀",)),  # each once
        ("\ud800", ("\ud800",)),
        ("\ue000", ("\ue000",)),
        ("e\u0301 and \u00e9", ()),
        ("漢\u0301", ("漢\u0301",)),  # both exist, but not in one font
        (FAMILY + "\U000e0041", ()),
        ("a\u1680b", ("\u1680",)),  # a space with a picture
    ],
)
def test_characters_that_no_font_can_draw_are_named(text: str, missing: tuple[str, ...]):
    assert missing_glyphs(text, SHIPPED) == missing


def test_the_message_names_the_character_and_a_package_that_has_it():
    assert missing_message(missing_glyphs("\u9fa5\a", SHIPPED)).startswith('No font has "\u9fa5" (U+9FA5), U+0007. ')
    assert "fonts-noto-cjk" in missing_message(("\u9fa5",))
    assert missing_message(("\U00013080",)).endswith("kit, or install one: `apt-get install fonts-noto-core`.")
    assert "fonts-noto-core fonts-noto-cjk" in missing_message(("\ua000", "\ud7b0"))
    assert "fonts-noto-color-emoji" in missing_message(("\U0001f9ff",))
    assert missing_message(("\U00018b00",)).endswith("Add a font that has it to the brand kit.")
    assert missing_message(("\a",)) == "No font has U+0007. Delete it: it is not a printable character."


def names(text: str, language: str = "", fonts: FontSet = SHIPPED) -> list[tuple[str, str]]:
    return [(run.text, run.font) for run in runs(text, fonts, language=language)]


def test_chinese_characters_are_drawn_as_is_usual_in_the_language():
    assert names("直", "ja") == [("直", "NotoSansJP")]
    assert names("直", "zh-Hans") == [("直", "NotoSansSC")]
    assert names("直 です")[0] == ("直", "NotoSansJP")  # without a language, kana decide


def test_emoji_are_in_colour_unless_text_style_is_asked_for():
    assert names("❤️") == [("❤️", "NotoColorEmoji")]
    assert names("❤\ufe0e")[0][1] == "NotoSansSymbols2"
    assert names(FAMILY) == [(FAMILY, "NotoColorEmoji")]
    assert names("10 🔥") == [("10 ", "NotoSans"), ("🔥", "NotoColorEmoji")]


def test_fonts_of_the_brand_come_first_and_the_shipped_ones_fill_gaps(tmp_path: Path):
    font = font_file("NotoSansHebrew", tmp_path, "abc ")
    brand = BrandKit(fonts={"body": (Asset(name="brand.ttf", sha256="0" * 64, media_type="font/ttf"),)})
    fonts = fonts_for(brand, lambda asset: font)._replace(system=False)
    assert names("cab ñ", fonts=fonts) == [("cab ", "brand Brand"), ("ñ", "NotoSans")]
    assert runs("a", fonts, role="heading")[0].font == "brand Brand"  # no font of its own


def test_a_file_that_is_not_a_font_is_refused(tmp_path: Path):
    (tmp_path / "brand.ttf").write_bytes(b"no font")
    brand = BrandKit(fonts={"body": (Asset(name="brand.ttf", sha256="0" * 64, media_type="font/ttf"),)})
    with pytest.raises(FinishError, match=r'"brand\.ttf" of the brand kit is not a font file'):
        fonts_for(brand, lambda asset: tmp_path / asset.name)


def test_the_list_of_characters_is_that_of_the_files():
    for file in sorted(path.name for path in FOLDER.iterdir() if path.name.endswith(".xz")):
        font = TTFont(BytesIO(lzma.decompress((FOLDER / file).read_bytes())), lazy=True)
        family, codes = file.partition("-")[0], set(font.getBestCmap())
        assert {code for code in range(0x20000) if shipped_covers(family, code)} == {c for c in codes if c < 0x20000}
        assert {0x20, 0xA0} <= codes or family.startswith(("NotoSansSymbols", "NotoColor"))
