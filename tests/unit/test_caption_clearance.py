"""Captions cover no text or logo of the template, and are large enough in narrow frames."""

from dataclasses import replace

import numpy as np
import pytest

from adapters.media.compose.layer import DrawnLayer
from adapters.media.drawing.captioning.captioned import SCALES, captioned_layers
from adapters.media.drawing.captioning.captions import caption_layers
from adapters.media.drawing.captioning.clearance import clear_of_layers, visible_rect
from adapters.media.drawing.fonts import FontSet
from manifests.errors import FinishError
from manifests.finish.cue import Cue
from manifests.finish.design.template import CaptionStyle, FinishTemplate
from tests.finish_texts import TIKTOK, frame_of

pytest.importorskip("skia")
TEMPLATE = FinishTemplate.model_validate(
    {"name": "test", "layers": [{"kind": "logo", "name": "logo"}, {"kind": "scrim", "name": "shade"}]}
)
FRAME = frame_of("1:1")


def block(name: str, y: int, height: int, start_s: float = 0.0, end_s: float = 5.0) -> DrawnLayer:
    return DrawnLayer(name, np.full((height, 200, 4), 255, np.uint8), 170, y, start_s, end_s)


def ys(captions: list[DrawnLayer], *layers: DrawnLayer) -> list[int]:
    return [caption.y for caption in clear_of_layers(captions, TEMPLATE, layers, FRAME)]


def test_captions_that_cover_nothing_stay():
    assert ys([block("caption 1", 300, 40)], block("logo", 400, 40), block("shade", 200, 340)) == [300]


def test_all_captions_move_by_the_same_distance_to_the_nearest_free_place():
    captions = [block("caption 1", 400, 40, 0, 2), block("caption 2", 360, 80, 2, 4)]
    gap = round(0.03 * 540)
    assert ys(captions, block("logo", 430, 60)) == [430 - gap - 40, 430 - gap - 80]
    assert ys(captions, block("logo", 300, 80)) == [400 + 36, 360 + 36]


def test_captions_do_not_touch_layers_next_to_them():
    gap = round(0.03 * 540)
    beside = replace(block("logo", 400, 40), x=170 + 200 + 2)
    assert ys([block("caption 1", 400, 40)], beside) != [400]
    assert ys([block("caption 1", 400, 40)], replace(beside, x=170 + 200 + gap)) == [400]


def test_layers_that_are_not_visible_at_the_same_time_do_not_matter():
    assert ys([block("caption 1", 400, 40, 0, 2)], block("logo", 400, 60, 2, 5)) == [400]


def test_captions_on_a_card_cover_none_of_its_texts():
    card = replace(block("end card", 0, 540, 5, 7), painted=(block("logo", 400, 60, 5, 7),))
    over, last = block("caption 1", 400, 40, 0, 4.5), block("caption 2", 400, 40, 4.5, 5.5)
    gap = round(0.03 * 540)
    assert ys([over, last], card) == [400, 400 - gap - 40]
    assert ys([over], card) == [400]


def test_captions_cover_texts_of_a_card_only_if_it_has_no_room():
    card = replace(block("end card", 0, 540, 5, 7), painted=(block("logo", 10, 520, 5, 7),))
    captions = [block("caption 1", 400, 40, 4.5, 5.5)]
    tried: list[tuple[float, float]] = []
    _, found = captioned_layers(TEMPLATE, FRAME, lambda *scales: tried.append(scales) or [card], lambda _: captions)
    assert [caption.y for caption in found] == [400]
    assert tried == [*((scale, 1.0) for scale in SCALES), *((scale, scale) for scale in SCALES), (1.0, 1.0)]


def test_shadows_do_not_count():
    logo = block("logo", 400, 60)
    pixels = logo.pixels.copy()
    pixels[:40, :, 3] = 100
    assert visible_rect(replace(logo, pixels=pixels)).y == 440


def test_captions_without_a_free_place_are_an_error():
    with pytest.raises(FinishError, match=r'There is no room for the captions next to the layers "logo"\. Shorten'):
        ys([block("caption 1", 400, 40)], block("logo", 10, 520))


def test_captions_are_wrapped_again_in_narrow_frames():
    text = "Ein langer Untertitel mit vielen Wörtern\nauf zwei vollen Zeilen"
    style = CaptionStyle.model_validate({"box": {"anchor": "bottom", "width": 0.9, "height": 0.4}})
    fonts = FontSet(system=False)
    [wide] = caption_layers([Cue(0, 2, text)], style, frame_of("16:9"), fonts, "de")
    [narrow] = caption_layers([Cue(0, 2, text)], style, frame_of("9:16", TIKTOK), fonts, "de")
    [short] = caption_layers([Cue(0, 2, "Ein\nWort")], style, frame_of("9:16", TIKTOK), fonts, "de")
    assert narrow.pixels.shape[0] > 1.3 * wide.pixels.shape[0]  # more lines, not smaller letters
    assert short.pixels.shape[0] == pytest.approx(wide.pixels.shape[0], abs=1)


def test_captions_are_mirrored_with_the_layout():
    style = CaptionStyle.model_validate({"box": {"anchor": "bottom-right", "width": 0.4, "height": 0.3}})
    frame, fonts = frame_of("16:9"), FontSet(system=False)
    [left], [right] = (caption_layers([Cue(0, 2, "Hi")], style, frame, fonts, tag) for tag in ("ar", "en"))
    assert (left.x, right.x + right.pixels.shape[1]) == (0, frame.width)
