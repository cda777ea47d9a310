"""Draw captions: one layer for each cue."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from adapters.media.compose.layer import DrawnLayer
from adapters.media.drawing.fonts import FontSet
from adapters.media.drawing.text import DrawnText, TextBlock, draw_text
from adapters.media.drawing.text_fit import fitted_text
from manifests.errors import FinishError
from manifests.finish.cue import Cue
from manifests.finish.design.colour import colour_of
from manifests.finish.design.frame import Frame
from manifests.finish.design.geometry import Size, is_right_to_left, largest_size, mirrored, place, safe_rect
from manifests.finish.design.template import Box, CaptionStyle

KEPT_SIZE = 0.85
"""The lines of a caption are kept if they need not shrink below this part of their size."""
LINES_FACTOR = 2
"""How many times as many lines a caption may have if its own lines are too wide."""


def caption_layers(
    cues: Sequence[Cue],
    style: CaptionStyle,
    frame: Frame,
    fonts: FontSet,
    language: str,
    offset_s: float = 0.0,
    colours: Mapping[str, str] | None = None,
    scale: float = 1.0,
) -> list[DrawnLayer]:
    """Draw captions inside the safe zone.

    Args:
        cues: with times from the start of the sound.
        language: language tag such as ``de``; empty if it is not known.
        offset_s: time at which the sound starts in the deliverable, in seconds.
        colours: of the brand kit.
        scale: of the font size, at most 1; it stays at or above the style's ``min_size``.

    Raises:
        FinishError: a caption does not fit, or no font has one of its characters.
    """
    size = max(min(style.size, style.min_size), style.size * scale)
    painted = _Painter(style.model_copy(update={"size": size}), frame, fonts, language, colours or {})
    return [
        painted.layer(number, cue._replace(start_s=cue.start_s + offset_s, end_s=cue.end_s + offset_s))
        for number, cue in enumerate(cues, 1)
        if cue.text.strip()
    ]


class _Painter(NamedTuple):
    style: CaptionStyle
    frame: Frame
    fonts: FontSet
    language: str
    colours: Mapping[str, str]

    def layer(self, number: int, cue: Cue) -> DrawnLayer:
        end_s = min(cue.end_s, self.frame.seconds)
        if cue.start_s >= end_s:
            raise FinishError(
                f"Caption {number} begins at {cue.start_s:.2f} s, but the video ends at {self.frame.seconds:.2f} s. "
                "Shorten the captions, or make the video longer."
            )
        try:
            pixels = self._drawn(cue.text).pixels
        except FinishError as error:
            raise FinishError(f"Caption {number}: {error}") from error
        height, width = pixels.shape[:2]
        rect = place(self._box, Size(width, height), safe_rect(self.frame))
        return DrawnLayer(f"caption {number}", pixels, rect.x, rect.y, cue.start_s, end_s)

    def _drawn(self, text: str) -> DrawnText:
        """Draw a caption in its own lines or, if they are too wide, in more and larger ones.

        Captions are usually written for wide screens, in lines of up to 42 letters.
        """
        block = self._block(text)
        flowing = block._replace(text=" ".join(text.split()), max_lines=LINES_FACTOR * block.max_lines)
        try:
            drawn = draw_text(block)
        except FinishError:
            return fitted_text(flowing, wraps_first=True)
        if drawn.size_px >= KEPT_SIZE * block.size_px:
            return drawn
        try:
            return max(drawn, fitted_text(flowing, wraps_first=True), key=lambda each: each.size_px)
        except FinishError:
            return drawn

    @property
    def _box(self) -> Box:
        box = self.style.box_for(self.frame.aspect_ratio)
        return mirrored(box) if is_right_to_left(self.language) else box

    def _block(self, text: str) -> TextBlock:
        style, shortest = self.style, min(self.frame.width, self.frame.height)
        room = largest_size(self._box, safe_rect(self.frame))
        size = style.size * shortest
        return TextBlock(
            text=text,
            language=self.language,
            fonts=self.fonts,
            size_px=size,
            min_size_px=min(size, style.min_size * shortest),
            colour=colour_of(style.colour, self.colours),
            max_width_px=room.width,
            max_height_px=room.height,
            role=style.font,
            weight=style.weight,
            max_lines=max(style.max_lines, text.strip().count("\n") + 1),
            fill=colour_of(style.fill, self.colours) if style.fill else None,
            padding_px=style.padding * size,
            radius_px=style.radius * size,
            shadow=not style.fill,
        )
