"""Finish templates: layers that are drawn over a clip. People write them as ``finish/NAME.yaml``."""

import re
from typing import Annotated, Literal

from pydantic import Field

from manifests.finish.record import FinishRecord

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
"""``{cta}`` in the text of a layer: the value of that column of the sheet."""

Anchor = Literal["top-left", "top", "top-right", "left", "centre", "right", "bottom-left", "bottom", "bottom-right"]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Motion(FinishRecord):
    """How a layer appears or disappears.

    Attributes:
        kind: ``none``, ``fade``, ``slide-up``, ``slide-down``, ``slide-left``, ``slide-right`` or ``wipe`` (uncovered
            from left to right).
        seconds: length of the movement.
    """

    kind: Literal["none", "fade", "slide-up", "slide-down", "slide-left", "slide-right", "wipe"] = "none"
    seconds: Annotated[float, Field(ge=0, le=10)] = 0.0


NO_MOTION = Motion()


class Box(FinishRecord):
    """A rectangle inside the safe zone of the placement.

    Attributes:
        anchor: the point of the safe zone, and of the box, that are put on each other.
        x, y: distance from the anchor to the inside, as fractions of the frame's width and height.
        width, height: largest size, as fractions of the frame's width and height.
    """

    anchor: Anchor = "bottom"
    x: Fraction = 0.0
    y: Fraction = 0.0
    width: Fraction = 0.8
    height: Fraction = 0.2


class _Layer(FinishRecord):
    """What all layers have.

    Attributes:
        name: unique within the template; for messages and credentials.
        box: position and largest size. ``boxes`` replaces it for single aspect ratios.
        start_s, end_s: when it is visible, in seconds; negative values count from the end; None is the end.
        enter, leave: animations, inside this time.
    """

    name: str
    box: Box = Box()
    boxes: dict[str, Box] = Field(default_factory=dict)
    start_s: float = 0.0
    end_s: float | None = None
    enter: Motion = Motion()
    leave: Motion = Motion()


class LogoLayer(_Layer):
    """A logo of the brand kit."""

    kind: Literal["logo"]
    logo: str = "default"


class TextLayer(_Layer):
    """Text. It is left out if one of its placeholders is empty.

    Attributes:
        text: with placeholders such as ``{cta}``.
        font: ``heading`` or ``body`` of the brand kit.
        weight: 400 or 700.
        size, min_size: font size as a fraction of the frame's shorter side; the text shrinks to ``min_size`` before it
            is wrapped.
        colour, fill: a colour of the brand kit or ``#rrggbb[aa]``; ``fill`` is the background of the box, or empty.
        padding, radius: of the background, as fractions of the font size.
        align: ``left``, ``centre`` or ``right``; left and right are swapped in right-to-left text.
        max_lines: largest number of lines.
        shadow: whether the text has a soft shadow, for text on footage.
    """

    kind: Literal["text", "button", "legal", "lower-third"]
    text: str
    font: Literal["heading", "body"] = "body"
    weight: Literal[400, 700] = 400
    size: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    min_size: Annotated[float, Field(gt=0, le=0.5)] = 0.028
    colour: str = "text"
    fill: str = ""
    padding: Annotated[float, Field(ge=0, le=4)] = 0.5
    radius: Annotated[float, Field(ge=0, le=4)] = 0.0
    align: Literal["left", "centre", "right"] = "centre"
    max_lines: Annotated[int, Field(ge=1, le=8)] = 2
    shadow: bool = False


class ProgressLayer(_Layer):
    """A bar that grows with the time, at the top or bottom edge of the frame."""

    kind: Literal["progress"]
    edge: Literal["top", "bottom"] = "bottom"
    thickness: Annotated[float, Field(gt=0, le=0.1)] = 0.008
    colour: str = "primary"


Layer = Annotated[LogoLayer | TextLayer | ProgressLayer, Field(discriminator="kind")]


class Card(FinishRecord):
    """A full-frame card before (intro) or after (end card) the footage.

    Attributes:
        seconds: its length, which is added to the footage; an end card is extended to reach a placement's minimum.
        fill: background colour.
        layers: their times count from the start of the card.
        enter: how it covers the footage.
    """

    seconds: Annotated[float, Field(gt=0, le=60)]
    fill: str = "background"
    layers: tuple[Layer, ...] = ()
    enter: Motion = Motion(kind="fade", seconds=0.3)


class CaptionStyle(FinishRecord):
    """How burnt-in captions look."""

    font: Literal["heading", "body"] = "body"
    weight: Literal[400, 700] = 700
    size: Annotated[float, Field(gt=0, le=0.5)] = 0.052
    min_size: Annotated[float, Field(gt=0, le=0.5)] = 0.034
    colour: str = "#ffffff"
    fill: str = "#000000b0"
    padding: Annotated[float, Field(ge=0, le=4)] = 0.35
    radius: Annotated[float, Field(ge=0, le=4)] = 0.25
    max_lines: Annotated[int, Field(ge=1, le=3)] = 2
    box: Box = Box(anchor="bottom", y=0.02, width=0.9, height=0.2)


class FinishTemplate(FinishRecord):
    """A finish template.

    Attributes:
        name: as the sheet's ``finish`` column names it.
        title, description: for ``reelmill templates``.
        layers: from back to front; their times count from the start of the footage.
        intro, end_card: None for none.
        captions: styles by name.
    """

    name: str
    title: str = ""
    description: str = ""
    layers: tuple[Layer, ...] = ()
    intro: Card | None = None
    end_card: Card | None = None
    captions: dict[str, CaptionStyle] = Field(default_factory=lambda: {"default": CaptionStyle()})

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The names of all placeholders in the texts, each once, in alphabetical order."""
        cards = [card for card in (self.intro, self.end_card) if card]
        layers = [*self.layers, *(layer for card in cards for layer in card.layers)]
        texts = [layer.text for layer in layers if isinstance(layer, TextLayer)]
        return tuple(sorted({name for text in texts for name in PLACEHOLDER.findall(text)}))
