"""The actions that change pixels, apart from the generation itself: what is cropped or resized is disclosed."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from manifests.credentials.definition import ALGORITHMIC_CHANGE, FIRST_FRAME, FirstFrame

PixelSize = tuple[int, int]
"""Height and width in pixels."""


def changes_of(final: PixelSize, rendered: PixelSize | None, picture: FirstFrame | None) -> Iterator[dict[str, Any]]:
    """Yield the actions, without their time and software.

    Args:
        final: size of the clip.
        rendered: size at which the model generated it; None if that is not known.
        picture: first frame, which is scaled to cover the rendered size, then cropped to its centre.
    """
    if rendered is None:
        yield _action("c2pa.unknown", "The clip may have been cropped: the size that the model rendered is not known.")
        return
    if picture is not None:
        yield from _fitted(picture, rendered)
    if rendered != final:
        yield _action("c2pa.cropped", f"The centre of {_text(rendered)} pixels was kept: {_text(final)} pixels.")


def _fitted(picture: FirstFrame, rendered: PixelSize) -> Iterator[dict[str, Any]]:
    used = {"parameters": {"ingredientIds": [FIRST_FRAME]}}
    if _scale(picture, rendered) != 1:
        yield used | {
            "action": "c2pa.resized.proportional",
            "description": f"The first frame was scaled to cover {_text(rendered)} pixels.",
        }
    if picture.height * rendered[1] != picture.width * rendered[0]:
        yield used | _action("c2pa.cropped", f"The first frame was cropped to its centre, {_text(rendered)} pixels.")


def _scale(picture: FirstFrame, rendered: PixelSize) -> Fraction:
    """Return the factor by which the picture is scaled so that it covers the rendered size."""
    return max(Fraction(rendered[0], picture.height), Fraction(rendered[1], picture.width))


def _action(name: str, description: str) -> dict[str, Any]:
    return {"action": name, "digitalSourceType": ALGORITHMIC_CHANGE, "description": description}


def _text(size: PixelSize) -> str:
    return f"{size[1]} × {size[0]}"
