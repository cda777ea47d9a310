"""Captions as layers: inside the safe zone, at their times."""

import pytest

from adapters.media.drawing.captioning.captions import caption_layers
from manifests.errors import FinishError
from manifests.finish.cue import Cue
from manifests.finish.design.frame import Frame
from manifests.finish.design.geometry import safe_rect
from manifests.finish.design.template import Box, CaptionStyle
from manifests.placements.preset import SafeZone
from tests.unit.test_fonts import SHIPPED, TEXTS

ZONE = SafeZone(top=0.1, right=0.12, bottom=0.2, left=0.05)
FRAMES = {"16:9": (1280, 720), "1:1": (1080, 1080), "4:5": (1080, 1350), "9:16": (1080, 1920)}


def frame(ratio: str = "9:16", zone: SafeZone = ZONE) -> Frame:
    return Frame(*FRAMES[ratio], ratio, 24.0, 0.0, 5.0, 2.0, zone)


@pytest.mark.parametrize("ratio", FRAMES)
def test_captions_of_all_languages_are_inside_the_safe_zone(ratio: str):
    safe = safe_rect(frame(ratio))
    for language, text in TEXTS.items():
        if language == "de":
            text = "Fresh coffee every morning, ground when you order it"
        (layer,) = caption_layers([Cue(0.0, 2.0, text)], CaptionStyle(max_lines=3), frame(ratio), SHIPPED, language)
        height, width = layer.pixels.shape[:2]
        assert safe.x <= layer.x
        assert safe.y <= layer.y
        assert layer.x + width <= safe.right
        assert layer.y + height <= safe.bottom


def test_times_are_shifted_and_end_with_the_video():
    cues = [Cue(0.0, 1.5, "one"), Cue(1.5, 2.0, " "), Cue(2.0, 9.0, "two")]
    layers = caption_layers(cues, CaptionStyle(), frame(), SHIPPED, "en", offset_s=0.5)
    assert [(layer.name, layer.start_s, layer.end_s) for layer in layers] == [
        ("caption 1", 0.5, 2.0),
        ("caption 3", 2.5, 7.0),
    ]
    with pytest.raises(FinishError, match=r"Caption 1 begins at 7\.50 s, but the video ends at 7\.00 s"):
        caption_layers([Cue(7.0, 8.0, "late")], CaptionStyle(), frame(), SHIPPED, "en", offset_s=0.5)


def test_colours_of_the_brand_and_position_of_the_style():
    style = CaptionStyle(fill="accent", box=Box(anchor="top", width=0.9, height=0.2))
    (layer,) = caption_layers([Cue(0, 1, "one")], style, frame(), SHIPPED, "en", colours={"accent": "#ffc629"})
    assert layer.y == safe_rect(frame()).y
    assert layer.pixels[layer.pixels.shape[0] // 2, 2].tolist() == [255, 198, 41, 255]


def test_a_caption_that_does_not_fit_is_an_error_with_its_text():
    with pytest.raises(FinishError, match='Caption 1: The text "word word'):
        caption_layers([Cue(0, 1, "word " * 60)], CaptionStyle(), frame(), SHIPPED, "en")
