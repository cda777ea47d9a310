"""Numbers are read as people see them."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sheets.numbers.number_format import BUILT_IN, is_date, plain, render, render_text
from adapters.sheets.workbook.exact_numbers import same_number

SHOWN = json.loads(Path(__file__).with_name("workbooks").joinpath("number_formats.json").read_text("utf-8"))
CODES = st.one_of(
    st.sampled_from([*SHOWN, *BUILT_IN.values()]), st.text('0#?.,%/E+-()"\\_*[]$;@ymdhsAP<>=@ ', max_size=20)
)
DAY = 46_380
"""24 December 2026."""


@pytest.mark.parametrize("code", SHOWN)
def test_formats_show_what_libreoffice_shows(code):
    for value, shown in SHOWN[code].items():
        text = " ".join(render(float(value), code).split())
        assert text.replace("- ", "-") == shown.replace("- ", "-"), value


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (0.5, "0%", "50%"),
        (19.9, '"$"#,##0.00', "$19.90"),
        (1234.5, '#,##0.00 "€"', "1,234.50 €"),
        (42, "00000", "00042"),
        (DAY, "d mmm yyyy", "24 Dec 2026"),
        (DAY, "[$-407]dddd", "Donnerstag"),
        (DAY, "[$-de-DE]d. mmmm yyyy", "24. Dezember 2026"),
        (DAY, "[$-40C]d mmmm yyyy", "24 décembre 2026"),
        (DAY, BUILT_IN[14], "2026-12-24"),
        (DAY + 0.75, BUILT_IN[22], "2026-12-24 18:00"),
        (DAY, "[$-F800]dddd, mmmm dd, yyyy", "2026-12-24"),
        (1.5, "[h]:mm", "36:00"),
        (0.00005, "mm:ss.0", "00:04.3"),
        (0.9999999, "h:mm:ss", "0:00:00"),
        (5, "0 pcs", "5 pcs"),
        (5, "0kg", "5kg"),
        (-1, '[<0]"minus "0;0', "minus 1"),
        (5, ";;;", ""),
        (5, "#.##", "5."),
        (0, "#", ""),
        (-0.004, '0.00" CO2"', "0.00 CO2"),
        (1, '"yes";;"no"', "yes"),
        (0, '"yes";;"no"', "no"),
        (1234567, '0.0,,"M"', "1.2M"),
        (1e300, "0.00E+00", "1.00E+300"),
        (DAY, "yyyy/mm/dd ggge", str(DAY)),
        (-5, "d mmm yyyy", "-5"),
        (5, "General", "5"),
        (5, "0" * 300, "5"),
    ],
)
def test_formats_show_what_excel_shows(value, code, shown):
    assert render(value, code) == shown


def test_a_format_can_add_a_text_to_a_text():
    assert render_text("Acme", '"Brand: "@') == "Brand: Acme"
    assert render_text("Acme", '0;-0;0;@" Ltd"') == "Acme Ltd"
    assert render_text("Acme", "@") == render_text("Acme", "0.00") == "Acme"


@given(st.floats(allow_nan=False, allow_infinity=False), CODES)
def test_any_format_shows_a_text(value, code):
    assert isinstance(render(value, code), str)
    assert isinstance(render_text("a", code), str)
    is_date(code)


@given(st.integers(-(10**9), 10**9))
def test_grouped_digits_mean_the_same_number(value):
    shown = render(float(value), "#,##0")
    assert shown == f"{value:,}"
    assert same_number(shown, value)


@given(st.decimals(-1000, 1000, places=2, allow_nan=False))
def test_decimals_are_rounded_half_up(value):
    expected = f"{value:.2f}"
    assert render(float(value), "0.00") in (expected, expected.removeprefix("-"))


def test_numbers_that_people_see_differently_are_recognised():
    for shown, value in (
        ("1,234", 1234),
        ("25%", 0.25),
        ("2.50 s", 2.5),
        ("1.0E+03", 1000),
        ("2,50", 2.5),
        ("1.234,5", 1234.5),
    ):
        assert same_number(shown, value), shown
    for shown, value in (("3", 2.5), ("", 5), ("auto", 1), ("1.23E+05", 123456), ("12", 12000)):
        assert not same_number(shown, value), shown


def test_plain_numbers_have_no_rounding_errors():
    assert [plain(value) for value in (99.0, 0.1 + 0.2, 123456789012.0)] == ["99", "0.3", "123456789012"]
