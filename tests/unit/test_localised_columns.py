"""Columns per language are recognised by their base and their tag."""

from pathlib import Path

import pytest
from sheets.making import lines

from adapters.sheets import read_table
from manifests.brief import Brief
from manifests.sheet import Checked, check_table
from manifests.sheet.localised import Localised, localised_of

pytestmark = pytest.mark.usefixtures("sheets_in_this_process")


@pytest.mark.parametrize(
    ("header", "base", "locale"),
    [
        ("cta_de", "cta", "de"),
        ("CTA (de)", "cta", "de"),
        ("CTA DE", "cta", "de"),
        ("CTA (German)", "cta", "de"),
        ("Call to action [pt-BR]", "cta", "pt-BR"),
        ("price_pt_BR", "price", "pt-BR"),
        ("script.ja", "script", "ja"),
        ("subtitles: ar", "captions", "ar"),
        ("cta-zh-Hant-TW", "cta", "zh-Hant-TW"),
        ("Legal line_de", "legal_line", "de"),
        ("Hero text fr", "hero_text", "fr"),
        ("offer badge_de", "offer_badge", "de"),
    ],
)
def test_a_header_is_a_column_per_language(header: str, base: str, locale: str):
    assert localised_of(header, {"hero_text"}, {"fr"}, {"offer_badge"}) == Localised(base, locale)


@pytest.mark.parametrize(
    "header",
    ["cta", "Price (EUR)", "notes_de", "colour in", "Hero text de", "Made in", "prompt_de", "legal", "de", "_de", "no"],
)
def test_other_headers_stay_columns_of_the_sheets_own(header: str):
    assert localised_of(header, {"hero_text", "made"}, {"fr"}) is None


def checked(tmp_path: Path, header: str, *rows: str, finish: str = "none") -> Checked:
    path = tmp_path / "sheet.csv"
    path.write_bytes(lines(header, *rows))
    return check_table(read_table(path), finish=finish)


def brief(tmp_path: Path, header: str, *rows: str) -> Brief:
    found = checked(tmp_path, header, *rows, finish="classic")
    assert [problem.sentence for problem in found.problems] == []
    return found.briefs[0]


def test_a_row_keeps_its_texts_by_language(tmp_path: Path):
    found = brief(
        tmp_path,
        "prompt,locale,cta,cta_de,CTA (ar),script,script_de,price,price_de",
        "x,en|de|ar,Shop now|More,Jetzt kaufen|Mehr,تسوق,Hello.,Hallo.,$9,9 €",
    )
    assert found.localised == {
        "cta": {"de": ("Jetzt kaufen", "Mehr"), "ar": ("تسوق",)},
        "script": {"de": ("Hallo.",)},
        "price": {"de": ("9 €",)},
    }
    assert (found.script, found.ctas) == ("Hello.", ("Shop now", "More"))


def test_captions_keep_their_lines_in_every_language(tmp_path: Path):
    srt = '"1\r\n00:00:00,000 --> 00:00:01,000\r\nHallo\r\n\r\n\r\n2\r\n00:00:01,000 --> 00:00:02,000\r\nSie"'
    found = brief(tmp_path, "prompt,locale,captions,captions_de", f"x,en|de,none,{srt}")
    assert found.localised["captions"]["de"][0].split("\n") == [
        *("1", "00:00:00,000 --> 00:00:01,000", "Hallo", "", "2", "00:00:01,000 --> 00:00:02,000", "Sie")
    ]


def test_a_column_for_a_language_that_no_row_has_is_reported(tmp_path: Path):
    found = checked(tmp_path, "prompt,locale,cta,cta_fr", "x,de,Los,Allez", finish="classic")
    assert [warning.sentence for warning in found.warnings] == [
        "Row 1, column D 'cta_fr' is for French, but no row has the locale fr. Enter fr in the column 'locale', or "
        "delete this column."
    ]


@pytest.mark.parametrize("header", ["prompt,locale,cta,cta_fr", "prompt,cta_fr", "prompt,script,music,sound,sequence"])
def test_without_finishing_these_columns_are_columns_like_any_other(tmp_path: Path, header: str):
    cells = {"prompt": "x {0}", "locale": "de", "cta": "Los"}
    last = header.split(",")[-1]
    row = ",".join(cells.get(name, "free text").replace("{0}", f"{{{last}}}") for name in header.split(","))
    found = checked(tmp_path, header, row)
    assert (found.problems, found.warnings) == ((), ())
    assert found.briefs[0].metadata[last] == ("free text",)
    assert found.briefs[0].placeholders == (last,)
    assert found.briefs[0] == Brief(
        row=2,
        want_scope="combination",
        brief_id=found.briefs[0].brief_id,
        prompts=(f"x {{{last}}}",),
        locales=found.briefs[0].locales,
        ctas=found.briefs[0].ctas,
        metadata=found.briefs[0].metadata,
        placeholders=(last,),
    )


def test_a_column_finish_that_a_prompt_uses_is_a_property_of_the_product(tmp_path: Path):
    found = checked(tmp_path, "prompt,Finish", "a {Finish} vase,matte")
    assert not found.briefs[0].is_finished
    assert "does not choose a finish template" in found.warnings[0].sentence


def test_a_header_for_the_same_language_twice_uses_the_first(tmp_path: Path):
    found = brief(tmp_path, "prompt,locale,cta,cta_de,CTA (de)", "x,en|de,Go,Los,Zweite")
    assert found.localised["cta"] == {"de": ("Los",)}
