"""Text on the contact sheet: with the text engine of finishing if it is installed, otherwise with Pillow."""

from typing import NamedTuple, Protocol

from PIL import Image, ImageDraw, ImageFont

from adapters.media.drawing.skia_library import load_skia
from app.report.drawable_text import drawable, shortened, wrapped
from manifests.errors import FinishError

Ink = tuple[int, int, int]
SIZE = 12
"""Font size in pixels."""
LINE_HEIGHT = 16
"""In pixels."""


class Room(NamedTuple):
    """Room for a text; longer text is shortened."""

    width: int
    lines: int = 1


class SheetText(Protocol):
    """Draws text on the contact sheet."""

    @property
    def note(self) -> str:
        """What is missing and how to install it, if text had to be transliterated; empty otherwise."""
        ...

    def width(self, text: str) -> int:
        """Return the width of a text on one line, in pixels."""
        ...

    def draw(self, sheet: Image.Image, corner: tuple[int, int], text: str, ink: Ink, room: Room) -> int:
        """Draw a text at its top left corner and return the number of its lines."""
        ...


def sheet_text() -> SheetText:
    """Return the text engine, or Pillow if it cannot be loaded."""
    try:
        load_skia()
    except FinishError as error:
        return PillowText(str(error))
    return EngineText()


class EngineText:
    """Draws all scripts, and emoji in colour."""

    note = ""

    def width(self, text: str) -> int:
        """Return the width of a text on one line, in pixels."""
        from adapters.media.drawing.label import Label

        return Label(text, SIZE).width()

    def draw(self, sheet: Image.Image, corner: tuple[int, int], text: str, ink: Ink, room: Room) -> int:
        """Draw a text at its top left corner and return the number of its lines."""
        from adapters.media.drawing.label import Label

        drawn = Label(text, SIZE).draw(room.width, room.lines, (*ink, 255))
        if drawn.lines:
            picture = Image.fromarray(drawn.pixels)
            sheet.paste(picture, corner, picture)
        return drawn.lines


class PillowText:
    """Draws Latin letters; other characters are transliterated."""

    def __init__(self, reason: str) -> None:
        """Use Pillow's font.

        Args:
            reason: why the text engine is not used, and how to install it.
        """
        font = ImageFont.load_default(size=SIZE)
        assert isinstance(font, ImageFont.FreeTypeFont)
        self._font, self._reason, self._is_changed = font, reason, False

    @property
    def note(self) -> str:
        """What is missing and how to install it, if text had to be transliterated; empty otherwise."""
        return f"Some characters of this contact sheet are transliterated. {self._reason}" if self._is_changed else ""

    def width(self, text: str) -> int:
        """Return the width of a text on one line, in pixels."""
        return round(self._font.getlength(drawable(text, self._font)))

    def draw(self, sheet: Image.Image, corner: tuple[int, int], text: str, ink: Ink, room: Room) -> int:
        """Draw a text at its top left corner and return the number of its lines."""
        plain = drawable(text, self._font)
        self._is_changed |= plain != text
        if room.lines == 1:
            lines = [shortened(plain, self._font, room.width)]
        else:
            lines = wrapped(plain, self._font, room.width, room.lines)
        ImageDraw.Draw(sheet).text(corner, "\n".join(lines), ink, self._font)
        return len(lines)
