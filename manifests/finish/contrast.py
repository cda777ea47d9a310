"""Warnings about texts that are hard to read on their background."""

from collections.abc import Iterator

from manifests.errors import FinishError
from manifests.finish.brand import BrandKit
from manifests.finish.colour import Colour, colour_of, contrast, over
from manifests.finish.template import Card, FinishTemplate, Layer, TextLayer

MIN_CONTRAST = 4.5
"""Of text on its background: WCAG 2.2, success criterion 1.4.3, for text of normal size."""
OPAQUE = 200
"""Alpha of a background that is checked: footage hardly shows through it."""


def contrast_warnings(template: FinishTemplate, brand: BrandKit) -> list[str]:
    """Return one sentence for each text whose contrast with its own or its card's background is below MIN_CONTRAST.

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
            warnings += _warning(f"captions {name}", text, fill)
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
            yield from _warning(layer.name, text, background)


def _warning(name: str, text: Colour, background: Colour) -> Iterator[str]:
    ratio = contrast(over(text, background), background)
    if ratio < MIN_CONTRAST:
        yield (
            f'layer "{name}": the contrast of {text.hex} on {background.hex} is {ratio:.1f}, which is hard to read. '
            f"Use colours with a contrast of at least {MIN_CONTRAST:g}."
        )


def _fill(name: str, colour: str, brand: BrandKit) -> Colour | None:
    return _colour(name, colour, brand) if colour else None


def _colour(name: str, colour: str, brand: BrandKit) -> Colour:
    try:
        return colour_of(colour, brand.colours)
    except FinishError as error:
        raise FinishError(f'layer "{name}": {error}') from error
