"""Fonts of a brand, and the characters that no font can draw."""

from collections.abc import Callable
from pathlib import Path

from adapters.media.drawing.typesetting.font_choice import brand_typeface, missing_glyphs, missing_message
from adapters.media.drawing.typesetting.font_set import FontSet
from manifests.errors import FinishError
from manifests.finish.asset import Asset
from manifests.finish.brand import BrandKit

__all__ = ["FontSet", "fonts_for", "missing_glyphs", "missing_message"]


def fonts_for(brand: BrandKit, find_asset: Callable[[Asset], Path]) -> FontSet:
    """Return the fonts of a brand.

    Args:
        find_asset: returns the path of a stored file.

    Raises:
        FinishError: a file is not a font.
    """
    roles = {role: tuple((asset.name, str(find_asset(asset))) for asset in assets) for role, assets in _roles(brand)}
    for named in roles.values():
        for name, path in named:
            _check_font(name, path)
    return FontSet(tuple((role, tuple(path for _, path in named)) for role, named in roles.items()))


def _roles(brand: BrandKit) -> list[tuple[str, tuple[Asset, ...]]]:
    return sorted(brand.fonts.items())


def _check_font(name: str, path: str) -> None:
    if brand_typeface(path) is None:
        raise FinishError(f'The font "{name}" of the brand kit is not a font file. Use a TTF or OTF file.')
