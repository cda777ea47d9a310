"""Find the size at which a text fits into its box."""

from collections.abc import Callable
from typing import NamedTuple

from adapters.media.drawing.typesetting.font_set import FontSet
from adapters.media.drawing.typesetting.paragraph import Layout, Script
from adapters.media.drawing.typesetting.phrases import with_whole_phrases
from adapters.media.drawing.typesetting.soft_hyphens import SOFT_HYPHEN, hyphenated
from manifests.errors import FinishError

Rgba = tuple[int, int, int, int]
_PRECISION = 0.25
"""Sizes are found to this many pixels."""
_SHADOW_ROOM = 0.3
"""Room for the shadow on each side, as a multiple of the font size."""
_ENDLESS = 1e6
_ROUNDING = 1.0
"""Skia rounds lines down and words up to pixels, and would break a word that is nearly as wide as its line."""


class TextBlock(NamedTuple):
    """A text and how it is drawn. Lengths are in pixels.

    Attributes:
        text: newlines begin new lines.
        language: language tag such as ``de`` or ``ar-EG``; empty if it is not known.
        fonts: of the brand.
        size_px, min_size_px: the font size, and the smallest one to which it may shrink.
        colour: sRGB with straight alpha, 0 to 255 each.
        max_width_px, max_height_px: the box, with padding and shadow.
        role: ``heading`` or ``body``: the fonts of the brand that are used.
        weight: 400 or 700.
        max_lines: largest number of lines.
        align: ``left``, ``centre`` or ``right``; left and right are swapped in right-to-left text.
        fill: colour of the background, None for none.
        padding_px: space around the text at ``size_px``, left and right; half of it above and below, where lines have
            space already. It shrinks with the text.
        radius_px: of the background's corners at ``size_px``.
        shadow: whether there is a soft shadow.
    """

    text: str
    language: str
    fonts: FontSet
    size_px: float
    min_size_px: float
    colour: Rgba
    max_width_px: int
    max_height_px: int
    role: str = "body"
    weight: int = 400
    max_lines: int = 2
    align: str = "centre"
    fill: Rgba | None = None
    padding_px: float = 0.0
    radius_px: float = 0.0
    shadow: bool = False

    def margins(self, size: float) -> tuple[float, float]:
        """Return the space at the left and right, and that above and below, at a font size."""
        shadow = _SHADOW_ROOM * size if self.shadow else 0.0
        padding = self.padding_px * size / self.size_px
        return padding + shadow, padding / 2 + shadow

    def room(self, size: float) -> tuple[float, float]:
        """Return the width and height for the letters at a font size."""
        across, down = self.margins(size)
        return self.max_width_px - 2 * across, self.max_height_px - 2 * down


class Fitted(NamedTuple):
    """A text that fits, and the font size in pixels."""

    script: Script
    layout: Layout
    size: float


def fit(block: TextBlock, limit: float) -> Fitted:
    """Return a text at the largest size that fits and is not above a limit.

    It stays on its own lines if it fits at ``min_size_px`` or more, otherwise it is wrapped.

    Raises:
        FinishError: it does not fit, or no font has a character.
    """
    script = _script(block, block.text.replace(SOFT_HYPHEN, ""))
    found = _largest(block, limit, lambda size: _unwrapped(block, script, size))
    if found:
        return found
    found = _largest(block, limit, lambda size: _wrapped(block, script, size))
    if found:
        return _balanced(_with_whole_phrases(block, found))
    raise FinishError(_misfit(block))


def _script(block: TextBlock, text: str) -> Script:
    return Script(text, block.fonts, block.role, block.weight, block.language)


def _largest(block: TextBlock, limit: float, try_size: Callable[[float], Fitted | None]) -> Fitted | None:
    """Return what fits at the largest possible size."""
    if (found := try_size(limit)) or (found := try_size(block.min_size_px)) is None:
        return found
    low, high = block.min_size_px, limit
    while high - low > _PRECISION:
        middle = (low + high) / 2
        if larger := try_size(middle):
            found, low = larger, middle
        else:
            high = middle
    return found


def _unwrapped(block: TextBlock, script: Script, size: float) -> Fitted | None:
    width, height = block.room(size)
    layout = script.layout(size, _ENDLESS)
    if layout.unbroken > width or layout.height > height or layout.lines > block.max_lines:
        return None
    return Fitted(script, script.layout(size, layout.unbroken), size)


def _wrapped(block: TextBlock, script: Script, size: float) -> Fitted | None:
    width, height = block.room(size)
    if width < size:
        return None
    if SOFT_HYPHEN in block.text:
        room = width - _ROUNDING
        script = _script(block, hyphenated(block.text, lambda word: _width(block, word, size), room))
    layout = script.layout(size, width)
    if layout.widest_word > width - _ROUNDING or layout.height > height or layout.lines > block.max_lines:
        return None
    return Fitted(script, layout, size)


def _with_whole_phrases(block: TextBlock, found: Fitted) -> Fitted:
    """Return the text with unbroken Japanese phrases, unless it would be much smaller."""
    phrases = with_whole_phrases(found.script.text)
    if phrases == found.script.text:
        return found
    script, least = _script(block, phrases), block._replace(min_size_px=max(block.min_size_px, 0.8 * found.size))
    return _largest(least, found.size, lambda size: _wrapped(block, script, size)) or found


def _width(block: TextBlock, text: str, size: float) -> float:
    return _script(block, text).layout(size, _ENDLESS).unbroken


def _balanced(found: Fitted) -> Fitted:
    """Return the text with the narrowest lines that do not need more of them, so that the last one is not short."""
    best = found.layout
    low, high = min(best.widest_word + _ROUNDING, best.width), best.width
    while high - low > 1:
        middle = (low + high) / 2
        layout = found.script.layout(found.size, middle)
        if layout.lines == best.lines and layout.widest_word <= middle - _ROUNDING:
            best, high = layout, middle
        else:
            low = middle
    return found._replace(layout=best)


def _misfit(block: TextBlock) -> str:
    """Return why a text does not fit, and how to fix it."""
    box = f"the box of {block.max_width_px} × {block.max_height_px} pixels"
    smallest = f"its smallest font size of {block.min_size_px:.0f} pixels"
    own_lines = block.text.count("\n") + 1
    if own_lines > block.max_lines:
        return f"it has {own_lines} lines, but at most {block.max_lines} are allowed. Remove line breaks."
    if word := _too_wide(block):
        return (
            f'the word "{word}" is wider than {box} at {smallest}. Put soft hyphens (U+00AD) where it may be '
            "broken, shorten it, or enlarge the box in the template."
        )
    lines = "1 line" if block.max_lines == 1 else f"{block.max_lines} lines"
    return f"it does not fit into {box} in {lines} at {smallest}. Shorten it, or enlarge the box in the template."


def _too_wide(block: TextBlock) -> str:
    """Return the widest word if it does not fit on a line at the smallest size, otherwise an empty string."""
    words = block.text.replace(SOFT_HYPHEN, " ").split()
    width, _ = block.room(block.min_size_px)
    breakable = _script(block, " ".join(words)).layout(block.min_size_px, max(width, block.min_size_px))
    if len(words) == 0 or breakable.widest_word <= width - _ROUNDING:
        return ""
    return max(words, key=lambda word: _width(block, word, block.min_size_px))
