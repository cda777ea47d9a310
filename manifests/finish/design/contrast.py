"""Warnings about texts that are hard to read on their background."""

from collections.abc import Iterator

from manifests.errors import FinishError
from manifests.finish.brand import BrandKit
from manifests.finish.design.colour import Colour, colour_of, contrast, over
from manifests.finish.design.template import Card, FinishTemplate, Layer, TextLayer

MIN_CONTRAST, MIN_CONTRAST_LARGE = 4.5, 3.0
"""Of text on its background, and of large text: WCAG 2.2, success criterion 1.4.3."""
LARGE, LARGE_BOLD = 0.062, 0.048
"""Font sizes of large text as fractions of the frame's shorter side: 24 and 18.66 CSS pixels on a phone of 390."""
OPAQUE = 200
"""Alpha of a background that is checked: footage hardly shows through it."""


def contrast_warnings(template: FinishTemplate, brand: BrandKit) -> list[str]:
    """Return one sentence for each text that has too little contrast with its own or its card's background.

    Text on footage without a background is not checked: its contrast depends on the footage.

    Raises:
        FinishError: the template names a colour that the brand kit lacks; the message names the layer.
    """
    warnings = list(_of_layers(template.layers, None, brand))
    for name, card in (("intro", template.intro), ("end card", template.end_card)):
        if card:
            warnings += _of_card(name, card, brand)
    for name, style in template.captions.items():
        text, fill = _colour(f"captions {name}", style.colour, brand), _fill(f"captions {name}", style.fill, brand)
        if fill and fill.alpha >= OPAQUE:
            warnings += _warning(f"captions {name}", text, fill, _least(style.size, style.weight))
    return warnings


def _of_card(name: str, card: Card, brand: BrandKit) -> Iterator[str]:
    return _of_layers(card.layers, _fill(name, card.fill, brand), brand)


def _of_layers(layers: tuple[Layer, ...], below: Colour | None, brand: BrandKit) -> Iterator[str]:
    for layer in layers:
        if not isinstance(layer, TextLayer):
            continue
        text, fill = _colour(layer.name, layer.colour, brand), _fill(layer.name, layer.fill, brand)
        background = over(fill, below) if fill and below else fill or below
        if background and background.alpha >= OPAQUE:
            yield from _warning(layer.name, text, background, _least(layer.size, layer.weight))


def _least(size: float, weight: int) -> float:
    is_large = size >= (LARGE_BOLD if weight >= 700 else LARGE)
    return MIN_CONTRAST_LARGE if is_large else MIN_CONTRAST


def _warning(name: str, text: Colour, background: Colour, least: float) -> Iterator[str]:
    ratio = contrast(over(text, background), background)
    if ratio < least:
        yield (
            f'the text of the layer "{name}" is hard to read: the contrast of {text.hex} on {background.hex} is '
            f"{ratio:.1f}. Use colours with a contrast of at least {least:g}."
        )


def _fill(name: str, colour: str, brand: BrandKit) -> Colour | None:
    return _colour(name, colour, brand) if colour else None


def _colour(name: str, colour: str, brand: BrandKit) -> Colour:
    try:
        return colour_of(colour, brand.colours)
    except FinishError as error:
        raise FinishError(f'layer "{name}": {error}') from error
