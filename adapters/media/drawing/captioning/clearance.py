"""Move captions so that they cover no text or logo of the template."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from adapters.media.compose.layer import DrawnLayer
from manifests.errors import FinishError
from manifests.finish.design.frame import Frame
from manifests.finish.design.geometry import Rect, safe_rect, shortest
from manifests.finish.design.template import FinishTemplate, LogoLayer, TextLayer

SOLID = 160
"""Alpha of letters and backgrounds; shadows have less."""
GAP = 0.03
"""Space between captions and other layers, as a fraction of the frame's shorter side."""


def clear_of_layers(
    captions: Sequence[DrawnLayer],
    template: FinishTemplate,
    layers: Sequence[DrawnLayer],
    frame: Frame,
    *,
    of_cards: bool = True,
) -> list[DrawnLayer]:
    """Return the captions, moved up or down if they would cover a text or logo.

    All captions over the footage move by the same distance, and so do all that are shown on a card, since cards have
    their texts in other places.

    Args:
        layers: what ``drawn_layers`` has drawn for the template.
        of_cards: whether the texts and logos that are painted on cards stay free too.

    Raises:
        FinishError: there is no free place in the safe zone.
    """
    boxed = {layer.name for layer in template.all_layers if isinstance(layer, LogoLayer | TextLayer)}
    known = [each for layer in layers for each in (layer, *(layer.painted if of_cards else ()))]
    obstacles = [layer for layer in known if layer.name in boxed]
    over = [caption for caption in captions if not _is_on_card(caption, frame)]
    on_cards = [caption for caption in captions if _is_on_card(caption, frame)]
    shifts = (_shift(over, obstacles, frame), _shift(on_cards, obstacles, frame))
    return [replace(caption, y=caption.y + shifts[_is_on_card(caption, frame)]) for caption in captions]


def _is_on_card(caption: DrawnLayer, frame: Frame) -> bool:
    """Return whether a caption is visible during the intro or the end card."""
    return caption.start_s < frame.intro_s or caption.end_s > frame.intro_s + frame.footage_s


def _shift(captions: Sequence[DrawnLayer], obstacles: Sequence[DrawnLayer], frame: Frame) -> int:
    """Return the smallest distance by which captions can move so that they cover nothing."""
    gap, safe = round(GAP * shortest(frame)), safe_rect(frame)
    rects = [visible_rect(caption) for caption in captions]
    pairs = [
        (own, _grown(visible_rect(layer), gap))
        for caption, own in zip(captions, rects, strict=True)
        for layer in obstacles
        if min(caption.end_s, layer.end_s) > max(caption.start_s, layer.start_s)
    ]
    above, below = {rect.y - own.bottom for own, rect in pairs}, {rect.bottom - own.y for own, rect in pairs}
    for shift in sorted({0} | above | below, key=abs):
        if _is_free(shift, pairs) and all(_is_inside(safe, rect, shift) for rect in rects):
            return shift
    names = ", ".join(f'"{layer.name}"' for layer in obstacles)
    raise FinishError(
        f"There is no room for the captions next to the layers {names}. Shorten the captions or the texts, use another "
        "template, or deliver the captions as a file only."
    )


def visible_rect(layer: DrawnLayer) -> Rect:
    """Return the part of the frame that letters and backgrounds of a layer cover, without shadows."""
    solid = layer.pixels[..., 3] >= min(SOLID, int(layer.pixels[..., 3].max()))
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    return Rect(layer.x + int(columns[0]), layer.y + int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)


def _grown(rect: Rect, gap: int) -> Rect:
    """Return a rectangle with a gap on each side."""
    return Rect(rect.x - gap, rect.y - gap, rect.width + 2 * gap, rect.height + 2 * gap)


def _is_free(shift: int, pairs: Sequence[tuple[Rect, Rect]]) -> bool:
    return all(min(own._replace(y=own.y + shift).overlap(rect)) == 0 for own, rect in pairs)


def _is_inside(safe: Rect, rect: Rect, shift: int) -> bool:
    """Return whether a caption is in the safe zone after it was moved; one that is outside may stay there."""
    return shift == 0 or (rect.y + shift >= safe.y and rect.bottom + shift <= safe.bottom)
