"""Draw a finish template: all its layers at their places and times."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from adapters.media.compose.layer import DrawnLayer
from adapters.media.drawing.elements import Studio, draw_progress, draw_scrim
from adapters.media.drawing.fonts import fonts_for
from adapters.media.drawing.layout import Placed, check_overlaps, lay_out
from adapters.media.drawing.pixels import paste, solid
from manifests.errors import FinishError
from manifests.finish.asset import Asset
from manifests.finish.brand import BrandKit
from manifests.finish.design.frame import Frame
from manifests.finish.design.geometry import mirrored_motion, safe_rect
from manifests.finish.design.template import (
    NO_MOTION,
    Card,
    FinishTemplate,
    Layer,
    LogoLayer,
    Motion,
    ProgressLayer,
    ScrimLayer,
    Stack,
    TextLayer,
)
from manifests.finish.texts.words import reads_right_to_left, with_brand_texts

Drawn = TypeVar("Drawn")
INTRO, END_CARD = "intro", "end card"
"""Names of the full-frame layers."""


class _Part(NamedTuple):
    """Layers with a common time line: over the footage, or on a card.

    Attributes:
        start_s, end_s: of the part, in seconds of the deliverable.
        open_end_s: when layers without an end disappear; later than ``end_s`` if a card fades in over them.
    """

    layers: Sequence[Layer]
    stacks: Mapping[str, Stack]
    start_s: float
    end_s: float
    open_end_s: float


def drawn_layers(
    template: FinishTemplate,
    brand: BrandKit,
    texts: Mapping[str, str],
    frame: Frame,
    language: str,
    find_asset: Callable[[Asset], Path],
    scale: float = 1.0,
    card_scale: float = 1.0,
) -> list[DrawnLayer]:
    """Draw the layers of a template, from back to front.

    Texts whose placeholders are empty are left out, and so are logos if the brand has neither a logo nor a name.
    ``{brand}`` and ``{legal}`` come from the brand kit unless ``texts`` has them. In languages that are written from
    right to left, left and right are swapped.

    Args:
        texts: values of the placeholders.
        frame: size, times and safe zone. Cards are only drawn if it has time for them.
        language: tag such as ``de`` or ``ar-EG``; empty if not known.
        find_asset: returns the path of a stored file.
        scale, card_scale: of logos and texts over the footage and on cards, at most 1, to leave room for captions.

    Raises:
        FinishError: a text does not fit or has a character that no font has, layers overlap, or a colour or logo is
            missing. The message names the layer.
    """
    words = with_brand_texts(texts, brand, language)
    studio = Studio(
        brand=brand,
        texts=words,
        frame=frame,
        safe=safe_rect(frame, template.margin),
        language=language,
        is_mirrored=reads_right_to_left(language, texts.values()),
        fonts=fonts_for(brand, find_asset),
        find_asset=find_asset,
    )
    drawn = _over_footage(studio._replace(scale=scale), template)
    studio = studio._replace(scale=card_scale)
    if template.intro and frame.intro_s > 0:
        drawn += _card(studio, template.intro, INTRO, 0.0, frame.intro_s)
    if template.end_card and frame.end_card_s > 0:
        drawn += _card(studio, template.end_card, END_CARD, frame.intro_s + frame.footage_s, frame.seconds)
    return drawn + _progress(studio, template.layers)


def _over_footage(studio: Studio, template: FinishTemplate) -> list[DrawnLayer]:
    frame = studio.frame
    end = frame.intro_s + frame.footage_s
    fades = template.end_card.enter.seconds if template.end_card and frame.end_card_s > 0 else 0.0
    part = _Part(template.layers, template.stacks, frame.intro_s, end, min(frame.seconds, end + fades))
    return _part(studio, part)


def _card(studio: Studio, card: Card, name: str, start_s: float, end_s: float) -> list[DrawnLayer]:
    """Draw a card. Its layers that are visible all the time are painted on it, so that they move with it."""
    part = _Part(card.layers, card.stacks, start_s, end_s, end_s)
    drawn = _part(studio, part)
    still = [layer for layer in drawn if _is_still(layer, part)]
    pixels = _named(name, lambda: solid(studio.frame.width, studio.frame.height, studio.colour(card.fill)))
    for layer in still:
        paste(pixels, layer.pixels, layer.x, layer.y)
    motion = _motion(studio, card.enter)
    enter, leave = (NO_MOTION, motion) if name == INTRO else (motion, NO_MOTION)
    base = DrawnLayer(name, pixels, 0, 0, start_s, end_s, enter, leave, tuple(still))
    return [base, *(layer for layer in drawn if not any(layer is other for other in still))]


def _part(studio: Studio, part: _Part) -> list[DrawnLayer]:
    """Draw the layers of a part, from back to front, without progress bars."""
    layers = [layer for layer in part.layers if not isinstance(layer, ProgressLayer)]
    windows = {layer.name: _window(layer, part) for layer in layers}
    placed = lay_out(studio, (layer for layer in layers if isinstance(layer, LogoLayer | TextLayer)), part.stacks)
    check_overlaps(placed, windows)
    by_name = {each.layer.name: each for each in placed}
    drawn = []
    for layer in layers:
        found = _scrim(studio, layer, by_name) if isinstance(layer, ScrimLayer) else _placed(by_name.get(layer.name))
        if found:
            drawn.append(_timed(studio, layer, found, windows[layer.name]))
    return drawn


class _Drawing(NamedTuple):
    """Pixels and their top left corner in the frame."""

    pixels: np.ndarray
    x: int
    y: int


def _placed(found: Placed | None) -> _Drawing | None:
    if found is None:
        return None
    bleed = found.element.bleed
    return _Drawing(found.element.pixels, found.rect.x - bleed, found.rect.y - bleed)


def _scrim(studio: Studio, layer: ScrimLayer, shown: Iterable[str]) -> _Drawing | None:
    if layer.behind and not set(layer.behind) & set(shown):
        return None
    pixels, top = _named(layer.name, partial(draw_scrim, studio, layer))
    return _Drawing(pixels, 0, top)


def _progress(studio: Studio, layers: Sequence[Layer]) -> list[DrawnLayer]:
    """Draw progress bars: above everything, and complete at the end of the deliverable."""
    seconds = studio.frame.seconds
    drawn = []
    for layer in layers:
        if isinstance(layer, ProgressLayer):
            pixels, top = _named(layer.name, partial(draw_progress, studio, layer))
            grows = Motion(kind="wipe", seconds=seconds)
            drawn.append(DrawnLayer(layer.name, pixels, 0, top, 0.0, seconds, grows, NO_MOTION))
    return drawn


def _timed(studio: Studio, layer: Layer, found: _Drawing, window: tuple[float, float]) -> DrawnLayer:
    start_s, end_s = window
    enter, leave = _motion(studio, layer.enter), _motion(studio, layer.leave)
    return DrawnLayer(layer.name, found.pixels, found.x, found.y, start_s, end_s, enter, leave)


def _window(layer: Layer, part: _Part) -> tuple[float, float]:
    """Return when a layer is visible, in seconds of the deliverable.

    Raises:
        FinishError: the part ends before the layer appears, so that it would be lost.
    """
    length = part.end_s - part.start_s
    start = layer.start_s if layer.start_s >= 0 else max(0.0, length + layer.start_s)
    end = length if layer.end_s is None else layer.end_s if layer.end_s >= 0 else length + layer.end_s
    if start >= min(end, length):
        raise FinishError(
            f'layer "{layer.name}": is visible from {start:g} s to {end:g} s, but this part has only {length:g} s. '
            "Change start_s or end_s, or make a longer clip."
        )
    is_open = layer.end_s is None or end >= length
    return part.start_s + start, part.open_end_s if is_open else part.start_s + end


def _is_still(layer: DrawnLayer, part: _Part) -> bool:
    always = layer.start_s <= part.start_s and layer.end_s >= part.end_s
    return always and layer.enter == NO_MOTION and layer.leave == NO_MOTION


def _motion(studio: Studio, motion: Motion) -> Motion:
    return mirrored_motion(motion) if studio.is_mirrored else motion


def _named(name: str, draw: Callable[[], Drawn]) -> Drawn:
    """Draw something; an error names the layer."""
    try:
        return draw()
    except FinishError as error:
        raise FinishError(f'layer "{name}": {error}') from error
