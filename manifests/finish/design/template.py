"""Finish templates: layers that are drawn over a clip. People write them as ``finish/NAME.yaml``."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, field_validator, model_validator

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
    seconds: Annotated[float, Field(ge=0, le=600)] = 0.0


NO_MOTION = Motion()


class Box(FinishRecord):
    """A rectangle inside the safe zone of the placement.

    Attributes:
        anchor: the point of the safe zone, and of the box, that are put on each other.
        x, y: distance from the anchor to the inside, as fractions of the safe zone's width and height.
        width, height: largest size, as fractions of the safe zone's width and height.
    """

    anchor: Anchor = "bottom"
    x: Fraction = 0.0
    y: Fraction = 0.0
    width: Fraction = 0.8
    height: Fraction = 0.2


Shape = Literal["vertical", "square", "horizontal"]
_RATIO = re.compile(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)")


def shape_of(aspect_ratio: str) -> Shape:
    """Return whether a ratio such as ``9:16`` is higher than wide."""
    found = _RATIO.fullmatch(aspect_ratio)
    width, height = (float(found[1]), float(found[2])) if found else (1.0, 1.0)
    return "vertical" if width < height else "horizontal" if width > height else "square"


def _check_ratio(key: str) -> str:
    if not _RATIO.fullmatch(key) and key not in get_args(Shape):
        raise ValueError(f'"{key}" is not an aspect ratio. Use a ratio such as 9:16, or vertical, square or horizontal')
    return key


Boxes = dict[Annotated[str, AfterValidator(_check_ratio)], Box]
"""Boxes by aspect ratio, ``9:16``, or by shape, ``vertical``."""


class _Placed(FinishRecord):
    """What has a box, and other boxes for some aspect ratios."""

    box: Box = Box()
    boxes: Boxes = Field(default_factory=dict)

    def box_for(self, aspect_ratio: str) -> Box:
        """Return the box of an aspect ratio: by its name, else by its shape, else the common one."""
        by_shape = self.boxes.get(shape_of(aspect_ratio), self.box)
        return self.boxes.get(aspect_ratio, by_shape)


class Stack(_Placed):
    """A column of layers. Layers that are left out take no room.

    Attributes:
        box: position and largest size of the column. ``boxes`` replaces it for single aspect ratios.
        gap: space between two layers, as a fraction of the frame's shorter side.
    """

    gap: Fraction = 0.02


class _Layer(_Placed):
    """What all layers have.

    Attributes:
        name: unique within the template; for messages and credentials.
        box: position and largest size. ``boxes`` replaces it for single aspect ratios.
        stack: name of the stack that contains the layer; the box then only limits its size. Empty for none.
        start_s, end_s: when it is visible, in seconds; negative values count from the end; None is the end.
        enter, leave: animations, inside this time.
    """

    name: str
    stack: str = ""
    start_s: float = 0.0
    end_s: float | None = None
    enter: Motion = Motion()
    leave: Motion = Motion()


class LogoLayer(_Layer):
    """A logo of the brand kit. If the brand has no logo, its name is written instead; without a name, nothing.

    Attributes:
        logo: its name in the brand kit.
        colour: of the brand's name.
        fill: background behind the logo, for logos on footage; empty for none.
        padding, radius: of the background, as fractions of the logo's height.
    """

    kind: Literal["logo"]
    logo: str = "default"
    colour: str = "text"
    fill: str = ""
    padding: Annotated[float, Field(ge=0, le=2)] = 0.3
    radius: Annotated[float, Field(ge=0, le=2)] = 0.3


class TextLayer(_Layer):
    """Text. It is left out if one of its placeholders is empty.

    Attributes:
        text: with placeholders such as ``{cta}``.
        font: ``heading`` or ``body`` of the brand kit.
        weight: 400 or 700.
        size, min_size: font size as a fraction of the frame's shorter side.
        fit: what is done first with a long text: ``shrink`` it to ``min_size``, or ``wrap`` it to ``max_lines``.
        colour, fill: a colour of the brand kit or ``#rrggbb[aa]``; ``fill`` is the background of the box, or empty.
        padding: between text and background, as a fraction of the font size.
        padding_x: the same at the left and right; None for ``padding``.
        radius: of the background's corners, as a fraction of the font size; large values make round ends.
        align: ``left``, ``centre`` or ``right``; left and right are swapped in right-to-left text.
        max_lines: largest number of lines.
        shadow: whether the text has a soft shadow, for text on footage.
        bar: colour of a bar before the text; empty for none.
    """

    kind: Literal["text", "button", "legal", "lower-third"]
    text: str
    font: Literal["heading", "body"] = "body"
    weight: Literal[400, 700] = 400
    size: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    min_size: Annotated[float, Field(gt=0, le=0.5)] = 0.028
    fit: Literal["shrink", "wrap"] = "shrink"
    colour: str = "text"
    fill: str = ""
    padding: Annotated[float, Field(ge=0, le=4)] = 0.5
    padding_x: Annotated[float, Field(ge=0, le=4)] | None = None
    radius: Annotated[float, Field(ge=0, le=4)] = 0.0
    align: Literal["left", "centre", "right"] = "centre"
    max_lines: Annotated[int, Field(ge=1, le=8)] = 2
    shadow: bool = False
    bar: str = ""

    @field_validator("text")
    @classmethod
    def _has_readable_placeholders(cls, text: str) -> str:
        if strays := re.findall(r"\{[^{}]*\}?|\}", PLACEHOLDER.sub("", text)):
            raise ValueError(
                f'"{strays[0]}" is not a placeholder. Write the name of a column in lower case between braces, '
                "such as {cta}"
            )
        return text

    @model_validator(mode="after")
    def _shrinks(self) -> Self:
        if self.min_size > self.size:
            raise ValueError(
                f"min_size {self.min_size:g} is larger than size {self.size:g}. Lower min_size, or raise size"
            )
        return self


class ScrimLayer(_Layer):
    """A gradient from an edge of the frame, which makes text on bright footage readable.

    Attributes:
        edge: the edge with its full colour, which reaches to the safe zone.
        height: of the gradient, as a fraction of the safe zone's height.
        colour: at the edge, such as ``#000000a0``; it becomes transparent towards the middle.
        behind: names of the layers that it is for: it is left out if none of them is shown. Empty to show it always.
    """

    kind: Literal["scrim"]
    behind: tuple[str, ...] = ()
    edge: Literal["top", "bottom"] = "bottom"
    height: Annotated[float, Field(gt=0, le=1)] = 0.5
    colour: str = "#000000b0"


class ProgressLayer(_Layer):
    """A bar that grows with the time, at the top or bottom edge of the frame."""

    kind: Literal["progress"]
    edge: Literal["top", "bottom"] = "bottom"
    thickness: Annotated[float, Field(gt=0, le=0.1)] = 0.008
    colour: str = "primary"


Layer = Annotated[LogoLayer | TextLayer | ScrimLayer | ProgressLayer, Field(discriminator="kind")]


class Card(FinishRecord):
    """A full-frame card before (intro) or after (end card) the footage.

    Attributes:
        seconds: its length, which is added to the footage; an end card is extended to reach a placement's minimum.
        fill: background colour.
        layers: their times count from the start of the card.
        stacks: columns of its layers, by name.
        enter: how an end card covers the footage, and how an intro uncovers it.
    """

    seconds: Annotated[float, Field(gt=0, le=60)]
    fill: str = "background"
    layers: tuple[Layer, ...] = ()
    stacks: dict[str, Stack] = Field(default_factory=dict)
    enter: Motion = Motion(kind="fade", seconds=0.3)


class CaptionStyle(_Placed):
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
        margin: smallest distance of boxes from the edges of the frame, as a fraction of its shorter side. A wider
            safe zone of the placement replaces it.
        layers: from back to front; their times count from the start of the footage.
        stacks: columns of layers, by name.
        intro, end_card: None for none.
        captions: styles by name.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    title: str = ""
    description: str = ""
    margin: Annotated[float, Field(ge=0, lt=0.4)] = 0.0
    layers: tuple[Layer, ...] = ()
    stacks: dict[str, Stack] = Field(default_factory=dict)
    intro: Card | None = None
    end_card: Card | None = None
    captions: dict[str, CaptionStyle] = Field(default_factory=lambda: {"default": CaptionStyle()})

    @property
    def all_layers(self) -> tuple[Layer, ...]:
        """The layers over the footage, then those of the intro and of the end card."""
        cards = [card for card in (self.intro, self.end_card) if card]
        return (*self.layers, *(layer for card in cards for layer in card.layers))

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The names of all placeholders in the texts, each once, in alphabetical order."""
        texts = [layer.text for layer in self.all_layers if isinstance(layer, TextLayer)]
        return tuple(sorted({name for text in texts for name in PLACEHOLDER.findall(text)}))

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        for name, number in Counter(layer.name for layer in self.all_layers).items():
            if number > 1:
                raise ValueError(f'{number} layers are named "{name}". Give each layer a name of its own')
        names = {layer.name for layer in self.all_layers}
        for layer, stacks in self._layers_with_stacks():
            unknown = set(layer.behind) - names if isinstance(layer, ScrimLayer) else set()
            if unknown:
                raise ValueError(f'layer "{layer.name}" is behind "{min(unknown)}", which does not exist. Fix the name')
            if layer.stack and layer.stack not in stacks:
                known = f"Use one of {', '.join(stacks)}" if stacks else "Add it under stacks"
                raise ValueError(f'layer "{layer.name}" is in the stack "{layer.stack}", which does not exist. {known}')
        return self

    def _layers_with_stacks(self) -> Iterator[tuple[Layer, dict[str, Stack]]]:
        for part in (self, self.intro, self.end_card):
            for layer in part.layers if part else ():
                yield layer, part.stacks if part else {}
