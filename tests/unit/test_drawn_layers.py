"""Templates as pixels: places, colours, times, and errors that name the layer."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adapters.media.compose.layer import DrawnLayer
from adapters.media.drawing.layers import drawn_layers
from adapters.media.drawing.still import still
from manifests.errors import FinishError
from manifests.finish.asset import Asset
from manifests.finish.brand import BrandKit
from manifests.finish.design.frame import Frame
from manifests.finish.design.geometry import Rect, is_right_to_left, safe_rect
from manifests.finish.design.template import FinishTemplate
from tasks.runtime.files.assets import AssetStore
from tests.finish_texts import RATIOS, TIKTOK, frame_of

pytest.importorskip("skia")
NO_BRAND = BrandKit()
RED = (229, 50, 45)
BUTTON = {"kind": "button", "name": "button", "text": "{cta}", "fill": "primary", "colour": "on_primary"}
LOGO = {"kind": "logo", "name": "logo"}


def template(*layers: dict, **fields) -> FinishTemplate:
    return FinishTemplate.model_validate({"name": "test", "layers": layers, **fields})


def drawn(made: FinishTemplate, frame: Frame, brand=NO_BRAND, language="en", store=None, **texts) -> list[DrawnLayer]:
    return drawn_layers(made, brand, texts, frame, language, store.path if store else no_assets)


def no_assets(asset: Asset) -> Path:
    raise AssertionError(f"{asset.name} is not needed")


def by_name(layers: list[DrawnLayer]) -> dict[str, DrawnLayer]:
    return {layer.name: layer for layer in layers}


def box_of(picture: np.ndarray, colour: tuple[int, int, int], tolerance: int = 3) -> Rect:
    """Return where a colour is."""
    found = (np.abs(picture.astype(int) - colour) <= tolerance).all(axis=2)
    rows, columns = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
    return Rect(int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)


def background(frame: Frame, level: int = 128) -> np.ndarray:
    return np.full((frame.height, frame.width, 3), level, np.uint8)


@pytest.fixture
def red_logo(tmp_path: Path) -> tuple[BrandKit, AssetStore]:
    """A brand whose logo is a red rectangle, twice as wide as high, with transparent margins."""
    pixels = np.zeros((300, 500, 4), np.uint8)
    pixels[100:200, 150:350] = (*RED, 255)
    Image.fromarray(pixels).save(tmp_path / "logo.png")
    store = AssetStore(tmp_path / "assets")
    return BrandKit(logos={"default": store.add(tmp_path / "logo.png", "logo")}), store


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("anchor", ["top-left", "top-right", "bottom-left", "bottom-right", "centre"])
def test_the_logo_is_within_a_pixel_of_its_place(red_logo, ratio: str, anchor: str):
    brand, store = red_logo
    frame = frame_of(ratio, TIKTOK)
    made = template({**LOGO, "box": {"anchor": anchor, "x": 0.02, "y": 0.03, "width": 0.2, "height": 0.9}})
    logo = box_of(still(background(frame), drawn(made, frame, brand, store=store), 1.0), RED)
    x, y, width, height = 0.06 * frame.width, 0.08 * frame.height, 0.79 * frame.width, 0.57 * frame.height
    assert logo[2:] == pytest.approx((0.2 * width, 0.1 * width), abs=1.2)
    across = {
        "left": (logo.x, x + 0.02 * width),
        "right": (logo.right, x + width - 0.02 * width),
        "centre": (logo.x + logo.width / 2, x + width / 2 + 0.02 * width),
    }[anchor.rpartition("-")[2]]
    down = {
        "top": (logo.y, y + 0.03 * height),
        "bottom": (logo.bottom, y + height - 0.03 * height),
        "centre": (logo.y + logo.height / 2, y + height / 2 + 0.03 * height),
    }[anchor.partition("-")[0]]
    assert abs(across[0] - across[1]) <= 1
    assert abs(down[0] - down[1]) <= 1


def test_colours_of_the_brand_are_exact(red_logo):
    brand, store = red_logo
    kit = brand.model_copy(update={"colours": {"primary": "#0f766e", "on_primary": "#fbbf24"}})
    frame = frame_of("16:9")
    layers = drawn(template(LOGO | {"box": {"anchor": "top-left"}}, BUTTON), frame, kit, store=store, cta="█ Shop")
    picture = still(background(frame), layers, 1.0)
    button = by_name(layers)["button"]
    assert tuple(picture[button.y + 2, button.x + 5]) == (0x0F, 0x76, 0x6E)
    assert box_of(picture, (0xFB, 0xBF, 0x24), 0).width > 5
    assert box_of(picture, RED, 0).width == by_name(layers)["logo"].pixels.shape[1]


def test_an_svg_logo_with_a_style_sheet_has_its_colours(tmp_path: Path):
    (tmp_path / "logo.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="80"><style>/* a */ .a, .b {fill:#e5322d}</style>'
        '<g><rect class="a" x="20" y="20" width="160" height="40"/></g></svg>'
    )
    store = AssetStore(tmp_path / "assets")
    brand = BrandKit(logos={"main": store.add(tmp_path / "logo.svg", "logo")})
    frame = frame_of("16:9")
    made = template({**LOGO, "box": {"anchor": "top-left", "width": 0.25, "height": 1}})
    picture = still(background(frame), drawn(made, frame, brand, store=store), 1.0)
    assert box_of(picture, RED) == pytest.approx((0, 0, 240, 60), abs=1)


def test_without_a_logo_the_name_of_the_brand_is_written():
    frame = frame_of("1:1")
    named = drawn(template({**LOGO, "fill": "background"}), frame, BrandKit(name="Acme"))
    assert [layer.name for layer in named] == ["logo"]
    assert drawn(template(LOGO), frame) == []


def test_texts_with_an_empty_placeholder_are_left_out_and_so_is_their_shade():
    shade = {"kind": "scrim", "name": "shade", "behind": ["button"]}
    price = {"kind": "text", "name": "price", "text": "from {price}"}
    frame = frame_of("1:1")
    assert drawn(template(shade, BUTTON, price), frame, cta=" ", price="") == []
    assert [layer.name for layer in drawn(template(shade, BUTTON, price), frame, cta="Buy")] == ["shade", "button"]


@pytest.mark.parametrize("edge", ["top", "bottom"])
def test_a_shade_is_a_gradient_with_most_of_its_colour_where_texts_begin(edge: str):
    frame = frame_of("9:16", TIKTOK)
    shade = {"kind": "scrim", "name": "shade", "edge": edge, "height": 0.5, "colour": "#00000080"}
    [layer] = drawn(template(shade), frame)
    alpha, safe = layer.pixels[:, 0, 3].astype(int), safe_rect(frame)
    if edge == "bottom":
        alpha = alpha[::-1]
    margin = safe.y if edge == "top" else frame.height - safe.bottom
    assert alpha[0] == 128
    assert alpha[margin] >= 0.8 * 128
    assert ((np.diff(alpha) <= 0) & (np.diff(alpha) >= -2)).all()  # no line is visible
    assert alpha[-1] <= 1
    assert len(alpha) == margin + max(margin, round(safe.height * 0.5))
    assert layer.y == (0 if edge == "top" else frame.height - len(alpha))


def test_brand_and_legal_line_come_from_the_brand_kit():
    brand = BrandKit(name="Acme", legal={"default": "Terms apply.", "de": "Es gelten die AGB.", "AT": "AGB gelten."})
    widths = {}
    for language, texts in {"en": {}, "de": {}, "de-AT": {}, "fr": {"legal": "CGV."}}.items():
        made = template({"kind": "legal", "name": "legal", "text": "{brand}: {legal}"})
        widths[language] = drawn(made, frame_of("16:9"), brand, language, **texts)[0].pixels.shape[1]
    assert len(set(widths.values())) == 4


def test_layouts_are_mirrored_in_right_to_left_languages():
    corner = BUTTON | {"box": {"anchor": "bottom-left", "x": 0.1}, "enter": {"kind": "slide-left", "seconds": 0.2}}
    frame = frame_of("16:9")
    [left] = drawn(template(corner), frame, cta="Buy")
    [right] = drawn(template(corner), frame, language="ar", cta="Buy")
    assert frame.width - (right.x + right.pixels.shape[1]) == left.x == 96
    assert (left.enter.kind, right.enter.kind) == ("slide-left", "slide-right")
    assert drawn(template(corner), frame, language="", cta="تسوّق")[0].x > frame.width / 2
    assert is_right_to_left("ar")


def test_stacks_close_the_room_of_missing_texts_and_shrink_when_they_are_full():
    stacks = {"column": {"box": {"anchor": "bottom", "width": 0.9, "height": 0.5}, "gap": 0.02}}
    head = {
        "kind": "text",
        "name": "head",
        "text": "{headline}",
        "stack": "column",
        "size": 0.1,
        "box": {"height": 0.4},
    }
    column = template(head, BUTTON | {"stack": "column"}, stacks=stacks)
    frame = frame_of("1:1")
    both, alone = (
        by_name(drawn(column, frame, **texts)) for texts in ({"headline": "Hi", "cta": "Buy"}, {"headline": "Hi"})
    )
    assert both["head"].y + both["head"].pixels.shape[0] + round(0.02 * 540) == both["button"].y
    assert both["button"].y + both["button"].pixels.shape[0] == frame.height
    assert alone["head"].y + alone["head"].pixels.shape[0] == frame.height
    low = column.model_copy(
        update={"stacks": {"column": column.stacks["column"].model_copy(update={"box": box(0.16)})}}
    )
    small = by_name(drawn(low, frame, headline="Hi", cta="Buy"))
    assert small["head"].pixels.shape[0] < both["head"].pixels.shape[0]
    assert small["head"].y >= frame.height * 0.84 - 1


def box(height: float):
    return template({**LOGO, "box": {"anchor": "bottom", "width": 0.9, "height": height}}).layers[0].box


def test_a_shadow_does_not_move_the_text():
    text = {"kind": "text", "name": "text", "text": "{cta}", "colour": "#ffffff", "box": {"anchor": "top-left"}}
    frame = frame_of("1:1")
    plain, shady = (
        still(background(frame), drawn(template(text | {"shadow": on}), frame, cta="█"), 1.0) for on in (False, True)
    )
    assert box_of(shady, (255, 255, 255)) == box_of(plain, (255, 255, 255))
    assert shady.min() < 100 < plain.min()


def test_layers_have_the_times_of_the_footage_and_cards_those_of_their_own():
    made = template(
        BUTTON | {"start_s": 1, "end_s": -1},
        LOGO | {"start_s": -2, "box": {"anchor": "top"}},
        intro={"seconds": 1.5, "layers": [LOGO | {"name": "first"}], "enter": {"kind": "fade", "seconds": 0.5}},
        end_card={
            "seconds": 2,
            "layers": [
                LOGO | {"name": "last", "box": {"anchor": "top"}},
                BUTTON | {"name": "late", "start_s": 0.5, "box": {"anchor": "bottom"}},
            ],
        },
    )
    frame = frame_of("1:1", intro_s=1.5)
    layers = drawn(made, frame, BrandKit(name="Acme"), cta="Buy")
    assert {layer.name: (layer.start_s, layer.end_s) for layer in layers} == {
        "button": (2.5, 5.5),
        "logo": (4.5, 6.8),  # until the end card has covered it
        "intro": (0.0, 1.5),
        "end card": (6.5, 8.5),
        "late": (7.0, 8.5),
    }
    cards = by_name(layers)
    assert (cards["intro"].leave.kind, cards["intro"].enter.kind) == ("fade", "none")
    assert (cards["end card"].leave.kind, cards["end card"].enter.kind) == ("none", "fade")
    assert cards["end card"].pixels.shape == (540, 540, 4)
    assert (cards["end card"].pixels[..., :3] != 255).any()  # the name of the brand is on it
    assert by_name(drawn(made, frame._replace(intro_s=0, end_card_s=0), BrandKit(name="Acme"), cta="Buy")).keys() == {
        "button",
        "logo",
    }


def test_a_progress_bar_grows_over_the_whole_length_above_everything():
    made = template({"kind": "progress", "name": "bar", "edge": "top"}, BUTTON, end_card={"seconds": 2})
    frame = frame_of("16:9")
    layers = drawn(made, frame, BrandKit(colours={"primary": "#e5322d"}), cta="Buy")
    assert layers[-1].name == "bar"
    assert (layers[-1].enter.kind, layers[-1].enter.seconds, layers[-1].end_s) == ("wipe", 7.0, 7.0)
    for second in (1.0, 3.5, 6.9):
        bar = box_of(still(background(frame), layers[-1:], second), RED, 0)
        assert bar == pytest.approx((0, 0, second / 7 * frame.width, 0.008 * frame.height), abs=1)


@pytest.mark.parametrize(
    ("layer", "texts", "message"),
    [
        ({"colour": "accentt"}, {}, r'layer "button": the brand kit has no colour "accentt"\. Did you mean accent\?'),
        (
            {"size": 0.3, "min_size": 0.3, "fill": "", "box": {"height": 0.9}},
            {"cta": "Versicherung"},
            r'layer "button": .*"Versicherung"',
        ),
        ({}, {"cta": "Buy \x07"}, r'layer "button": .*U\+0007'),
        (
            {"start_s": 6},
            {},
            r'layer "button": is visible from 6 s to 5 s, but this part has only 5 s\. Change start_s',
        ),
        ({"start_s": 3, "end_s": 2}, {}, r'layer "button": is visible from 3 s to 2 s'),
        ({"padding": 4, "box": {"height": 0.1}}, {}, r'layer "button": has no room for text\. Make its box larger'),
    ],
)
def test_errors_name_the_layer(layer: dict, texts: dict, message: str):
    with pytest.raises(FinishError, match=message):
        drawn(template(BUTTON | layer), frame_of("1:1"), **{"cta": "Buy", **texts})


def test_layers_that_overlap_are_an_error_if_both_are_visible():
    text = {"kind": "text", "name": "text", "text": "{cta}"}
    frame = frame_of("1:1")
    with pytest.raises(FinishError, match=r'layers "button" and "text" overlap by \d+ × \d+ pixels\. Give them other'):
        drawn(template(BUTTON, text), frame, cta="Buy")
    assert len(drawn(template(BUTTON | {"end_s": 2}, text | {"start_s": 2}), frame, cta="Buy")) == 2


def test_a_stack_that_is_too_low_is_an_error_that_names_its_layers():
    low = {"column": {"box": {"anchor": "bottom", "width": 0.9, "height": 0.09}}}
    head = {"kind": "text", "name": "head", "text": "{cta}", "stack": "column", "min_size": 0.03}
    with pytest.raises(
        FinishError, match=r'layers "head", "button" are together \d+ pixels too high for the stack "col'
    ):
        drawn(template(head, BUTTON | {"stack": "column"}, stacks=low), frame_of("1:1"), cta="Buy")


def test_unknown_logos_are_an_error(red_logo):
    brand, store = red_logo
    with pytest.raises(
        FinishError, match=r'layer "logo": the brand kit has no logo "dark"\. Add it, or use one of def'
    ):
        drawn(template({**LOGO, "logo": "dark"}), frame_of("1:1"), brand, store=store)


def test_long_texts_wrap_or_shrink_first_as_their_layer_says():
    text = {"kind": "text", "name": "text", "text": "{cta}", "size": 0.1, "box": {"width": 0.8, "height": 0.4}}
    frame, words = frame_of("1:1"), "Fresh coffee every morning"
    shrunk, wrapped = (drawn(template(text | {"fit": fit}), frame, cta=words)[0].pixels for fit in ("shrink", "wrap"))
    assert shrunk.shape[0] < 0.12 * 540 < 0.2 * 540 < wrapped.shape[0]
    assert safe_rect(frame).width * 0.8 >= max(shrunk.shape[1], wrapped.shape[1])


def test_one_line_less_is_preferred_if_the_text_stays_nearly_as_large():
    text = {"kind": "text", "name": "text", "text": "{cta}", "size": 0.1, "fit": "wrap", "box": {"height": 0.6}}
    frame = frame_of("1:1")
    heights = []
    for width in (0.44, 0.48, 0.52, 0.56):
        layer = text | {"box": {"width": width, "height": 0.6}, "max_lines": 3}
        heights.append(drawn(template(layer), frame, cta="Fresh every morning")[0].pixels.shape[0])
    assert heights[0] > 200  # three lines
    assert 120 < heights[1] <= heights[2] <= heights[3] < 150
