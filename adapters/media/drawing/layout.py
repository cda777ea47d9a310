"""Put drawn layers into the frame: each in its box, or below each other in a stack."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple, TypeVar

from adapters.media.drawing.elements import Element, Studio, draw_logo_layer, draw_text_layer
from manifests.errors import FinishError
from manifests.finish.design.geometry import Rect, Size, largest_size, mirrored, place, shortest, stack_height, stacked
from manifests.finish.design.template import Box, LogoLayer, Stack, TextLayer

Drawn = TypeVar("Drawn")
Boxed = LogoLayer | TextLayer
SCALES = (1.0, 0.92, 0.84, 0.76, 0.68, 0.6, 0.5, 0.42, 0.35)
"""How much layers are made smaller, in this order, until all of a stack, or padding and text, fit."""
MIN_OVERLAP = 2
"""Pixels of overlap, across and down, that are not reported."""


class Placed(NamedTuple):
    """A drawn layer, and the rectangle of its text or logo without its shadow."""

    layer: Boxed
    element: Element
    rect: Rect


def lay_out(studio: Studio, layers: Iterable[Boxed], stacks: Mapping[str, Stack]) -> list[Placed]:
    """Return all logos and texts that are not empty, at their places, in the order of the layers.

    Raises:
        FinishError: one does not fit; the message names the layer.
    """
    layers = list(layers)
    placed = [found for layer in layers if not layer.stack for found in _alone(studio, layer)]
    for name, stack in stacks.items():
        placed += _stacked(studio, name, stack, [layer for layer in layers if layer.stack == name])
    return sorted(placed, key=lambda each: layers.index(each.layer))


def check_overlaps(placed: Sequence[Placed], windows: Mapping[str, tuple[float, float]]) -> None:
    """Refuse texts and logos that cover each other.

    Args:
        windows: when each layer is visible, in seconds.

    Raises:
        FinishError: two layers overlap while both are visible.
    """
    for one, other in combinations(placed, 2):
        (start, end), (from_s, to_s) = windows[one.layer.name], windows[other.layer.name]
        common = one.rect.overlap(other.rect)
        if min(end, to_s) > max(start, from_s) and min(common) > MIN_OVERLAP:
            raise FinishError(
                f'layers "{one.layer.name}" and "{other.layer.name}" overlap by {common.width} × {common.height} '
                "pixels. Give them other boxes, or put both into one stack."
            )


def _alone(studio: Studio, layer: Boxed) -> Iterable[Placed]:
    box = _box(studio, layer.box_for(studio.frame.aspect_ratio))
    room = largest_size(box, studio.safe)
    element = _largest(lambda scale: _drawn(studio, layer, room, scale * studio.scale))
    if element is not None:
        yield Placed(layer, element, place(box, element.size, studio.safe))


def _stacked(studio: Studio, name: str, stack: Stack, layers: Sequence[Boxed]) -> list[Placed]:
    return _largest(lambda scale: _column(studio, name, stack, layers, scale * studio.scale))


def _column(studio: Studio, name: str, stack: Stack, layers: Sequence[Boxed], scale: float) -> list[Placed]:
    """Lay a stack out at a scale.

    Raises:
        FinishError: its layers are too high.
    """
    box = _box(studio, stack.box_for(studio.frame.aspect_ratio))
    room = largest_size(box, studio.safe)
    gap = round(stack.gap * scale * shortest(studio.frame))
    drawn = [(layer, _member(studio, layer, room, scale)) for layer in layers]
    shown = [(layer, element) for layer, element in drawn if element is not None]
    sizes = [element.size for _, element in shown]
    excess = stack_height(sizes, gap) - room.height
    if excess > 0:
        names = ", ".join(f'"{layer.name}"' for layer, _ in shown)
        raise FinishError(
            f'layers {names} are together {excess} pixels too high for the stack "{name}". Shorten their texts, or '
            "make the box of the stack higher."
        )
    rects = stacked(box, sizes, gap, studio.safe)
    return [Placed(layer, element, rect) for (layer, element), rect in zip(shown, rects, strict=True)]


def _largest(draw: Callable[[float], Drawn]) -> Drawn:
    """Return what is drawn at the largest scale at which it fits.

    Raises:
        FinishError: it does not fit at the smallest scale.
    """
    for scale in SCALES[:-1]:
        try:
            return draw(scale)
        except FinishError:
            continue
    return draw(SCALES[-1])


def _member(studio: Studio, layer: Boxed, room: Size, scale: float) -> Element | None:
    """Draw a layer of a stack: its box limits its size, and so does the stack."""
    box = layer.box_for(studio.frame.aspect_ratio).model_copy(update={"x": 0.0, "y": 0.0})
    own = largest_size(box, studio.safe)
    return _drawn(studio, layer, Size(min(own.width, room.width), min(own.height, room.height)), scale)


def _drawn(studio: Studio, layer: Boxed, room: Size, scale: float) -> Element | None:
    try:
        if isinstance(layer, LogoLayer):
            return draw_logo_layer(studio, layer, Size(round(room.width * scale), round(room.height * scale)))
        return draw_text_layer(studio, layer, room, scale)
    except FinishError as error:
        raise FinishError(f'layer "{layer.name}": {error}') from error


def _box(studio: Studio, box: Box) -> Box:
    return mirrored(box) if studio.is_mirrored else box
