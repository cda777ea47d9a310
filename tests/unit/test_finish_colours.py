"""Colours of brands: names, defaults, contrast and its warnings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.presets.templates import load_templates
from manifests.errors import FinishError
from manifests.finish.brand import BrandKit
from manifests.finish.design.colour import Colour, colour_of, contrast, over, parse_colour, readable_on
from manifests.finish.design.contrast import MIN_CONTRAST, contrast_warnings
from manifests.finish.design.template import FinishTemplate, TextLayer

colours = st.builds(Colour, *[st.integers(0, 255)] * 3)


def test_colours_are_read_from_hex_digits():
    assert parse_colour("#e53") == parse_colour("#ee5533") == Colour(238, 85, 51)
    assert parse_colour("#11223344") == Colour(17, 34, 51, 68)
    assert [parse_colour(text).hex for text in ("#E53", "#11223344")] == ["#ee5533", "#11223344"]


@given(colours, colours)
def test_contrast_is_symmetric_and_between_1_and_21(one: Colour, other: Colour):
    assert contrast(one, other) == contrast(other, one)
    assert 1 <= contrast(one, other) <= 21.01


def test_contrast_is_that_of_the_standard():
    """#767676 is the lightest grey that WCAG accepts on white."""
    white = Colour(255, 255, 255)
    assert contrast(white, Colour(0, 0, 0)) == pytest.approx(21)
    assert contrast(white, parse_colour("#767676")) >= MIN_CONTRAST > contrast(white, parse_colour("#777777"))


@given(colours)
def test_text_in_the_automatic_colour_is_readable_on_any_colour(background: Colour):
    assert contrast(readable_on(background), background) > 4.2


def test_brands_get_readable_text_on_their_own_colours():
    brand = {"primary": "#ffe000", "background": "#101010"}
    assert colour_of("on_primary", brand).hex == "#14171f"
    assert colour_of("text", brand).hex == "#ffffff"
    assert colour_of("on_primary", {}).hex == "#ffffff"
    assert colour_of("on_primary", {**brand, "on_primary": "#123456"}).hex == "#123456"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("primry", r'has no colour "primry"\. Did you mean primary\?'),
        ("xyz", r"Use hex digits such as #e5322d, or accent, "),
        ("#12", r'"#12" is not a colour\. Use six hex digits'),
    ],
)
def test_unknown_colours_are_errors_with_a_fix(name: str, message: str):
    with pytest.raises(FinishError, match=message):
        colour_of(name, {})


def test_a_translucent_colour_over_another():
    assert over(Colour(0, 0, 0, 128), Colour(255, 255, 255)) == Colour(127, 127, 127)


@pytest.mark.parametrize("name", load_templates())
@pytest.mark.parametrize("kit", [{}, {"primary": "#c62828"}, {"primary": "#ffe000", "accent": "#003300"}])
def test_shipped_templates_are_readable_with_any_brand(name: str, kit: dict[str, str]):
    """Without ``on_primary``, white or near-black is chosen."""
    assert contrast_warnings(load_templates()[name], BrandKit(colours=kit)) == []


def test_low_contrast_is_a_warning_that_names_the_layer():
    button = TextLayer(kind="button", name="button", text="{cta}", colour="#ffffff", fill="primary")
    template = FinishTemplate(name="pale", layers=(button,))
    [warning] = contrast_warnings(template, BrandKit(colours={"primary": "#ffe000"}))
    assert warning.startswith(
        'the text of the layer "button" is hard to read: the contrast of #ffffff on #ffe000 is 1.3. Use colours'
    )
    red = BrandKit(colours={"primary": "#e5322d"})  # 4.4, enough for large text
    for size, weight, number in [(0.05, 700, 0), (0.05, 400, 1), (0.04, 700, 1), (0.07, 400, 0)]:
        sized = button.model_copy(update={"size": size, "weight": weight})
        assert len(contrast_warnings(template.model_copy(update={"layers": (sized,)}), red)) == number
    with pytest.raises(FinishError, match='layer "button": the brand kit has no colour "prim"'):
        contrast_warnings(
            template.model_copy(update={"layers": (button.model_copy(update={"fill": "prim"}),)}), BrandKit()
        )
