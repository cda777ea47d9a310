"""The shipped templates in every aspect ratio, script and combination of texts."""

from collections.abc import Sequence
from itertools import combinations

import pytest

from adapters.media.compose.layer import DrawnLayer
from adapters.media.drawing.captioning.captioned import captioned_layers
from adapters.media.drawing.captioning.captions import caption_layers
from adapters.media.drawing.captioning.clearance import visible_rect
from adapters.media.drawing.fonts import FontSet, missing_glyphs
from adapters.media.drawing.layers import drawn_layers
from adapters.presets.placements import load_presets
from adapters.presets.templates import load_templates
from manifests.finish.brand import BrandKit
from manifests.finish.cue import Cue
from manifests.finish.design.frame import Frame
from manifests.finish.design.geometry import safe_rect
from manifests.finish.design.template import LogoLayer, TextLayer
from manifests.placements.preset import SafeZone
from tests.finish_texts import RATIOS, TEXTS, TIKTOK, frame_of

pytest.importorskip("skia")
TEMPLATES = load_templates()
BRAND = BrandKit(name="Acme Coffee")
CUES = (
    Cue(0.5, 2.5, "Short caption"),
    Cue(2.5, 4.5, "Ein langer Untertitel mit vielen Wörtern\nauf zwei vollen Zeilen"),
)
ON_CARD = Cue(4.6, 6.0, "A last one on the end card")
PRESETS = load_presets()
ZONES = sorted({(ratio, preset.safe_zone(ratio).to_json()) for preset in PRESETS.values() for ratio in preset.sizes})
"""Each combination of an aspect ratio and a safe zone that a shipped placement has."""
COMMON_ZONES = [(ratio, zone) for ratio, zone in ZONES if ratio in RATIOS]


def layers_of(name: str, frame: Frame, language: str, texts: dict[str, str], *scales: float) -> list[DrawnLayer]:
    layers = drawn_layers(
        TEMPLATES[name], BRAND, texts, frame, language, lambda asset: pytest.fail(asset.name), *scales
    )
    boxed = {layer.name for layer in TEMPLATES[name].all_layers if isinstance(layer, TextLayer | LogoLayer)}
    return [each for layer in layers for each in (layer, *layer.painted) if each.name in boxed]


def check(name: str, frame: Frame, language: str, texts: dict[str, str], cues: Sequence[Cue] = CUES) -> None:
    """Check that texts, logos and captions are inside the safe zone, and that captions cover nothing.

    Other overlaps would be errors.
    """
    template, fonts = TEMPLATES[name], FontSet(system=False)
    layers, captions = captioned_layers(
        template,
        frame,
        lambda *scales: layers_of(name, frame, language, texts, *scales),
        lambda scale: caption_layers(cues, template.captions["default"], frame, fonts, language, scale=scale),
    )
    rects = {layer.name: visible_rect(layer) for layer in layers}
    safe = safe_rect(frame, template.margin)
    assert {key: rect for key, rect in rects.items() if not safe.contains(rect)} == {}
    for caption in captions:
        assert safe_rect(frame).contains(visible_rect(caption))
        shown = [
            layer.name for layer in layers if min(layer.end_s, caption.end_s) > max(layer.start_s, caption.start_s)
        ]
        assert [key for key in shown if min(visible_rect(caption).overlap(rects[key])) > 0] == []


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize(("ratio", "zone"), COMMON_ZONES)
def test_long_texts_and_captions_fit_every_placement(name: str, ratio: str, zone: str):
    check(name, frame_of(ratio, SafeZone.from_json(zone)), "de", TEXTS["de"])


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize(("ratio", "zone"), COMMON_ZONES)
def test_captions_of_a_voice_that_goes_on_cover_nothing_of_the_end_card(name: str, ratio: str, zone: str):
    check(name, frame_of(ratio, SafeZone.from_json(zone)), "en", TEXTS["en"], (*CUES, ON_CARD))


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("ratio", ["16:9", "9:16"])
def test_long_texts_and_captions_fit_without_a_safe_zone(name: str, ratio: str):
    check(name, frame_of(ratio), "de", TEXTS["de"])


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("name", TEMPLATES)
def test_every_script_fits_and_has_all_glyphs(name: str, language: str):
    texts = TEXTS[language]
    assert missing_glyphs(" ".join(texts.values()), FontSet(system=False), language=language) == ()
    check(name, frame_of("9:16", TIKTOK), language, texts)


@pytest.mark.parametrize("name", TEMPLATES)
def test_each_text_may_be_missing(name: str):
    frame, given = frame_of("1:1"), TEMPLATES[name].placeholders
    for number in range(len(given)):
        for kept in combinations(given, number):  # up to 15
            shown = layers_of(name, frame, "en", {key: TEXTS["en"][key] for key in kept})
            assert {layer.name for layer in shown} & {*given, "button"} <= {*kept, *(["button"] * ("cta" in kept))}


@pytest.mark.parametrize("name", TEMPLATES)
def test_right_to_left_languages_mirror_the_layout(name: str):
    frame = frame_of("16:9")
    left, right = (
        {layer.name: visible_rect(layer) for layer in layers_of(name, frame, language, TEXTS["en"])}
        for language in ("en", "ar")
    )
    assert abs(left["logo"].x - (frame.width - right["logo"].right)) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize(("ratio", "zone"), ZONES)
def test_all_scripts_fit_every_placement_in_full_size(name: str, ratio: str, zone: str):
    small = frame_of(ratio, SafeZone.from_json(zone))
    for language, texts in TEXTS.items():
        check(name, small._replace(width=2 * small.width, height=2 * small.height), language, texts)
