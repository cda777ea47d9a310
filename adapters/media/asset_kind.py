"""Check logos, fonts, music and recordings of users, and detect their media types from their content."""

from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Literal

import av
from PIL import ImageFont

from adapters.media.picture import InvalidPictureError, inspect_picture
from manifests.finish.asset import InvalidAssetError

Use = Literal["logo", "font", "music", "voice"]
MAX_BYTES: Mapping[Use, int] = {"logo": 16 * 2**20, "font": 32 * 2**20, "music": 64 * 2**20, "voice": 64 * 2**20}
LEAST_SIDE = 8
"""Smallest width and height of a logo in pixels."""
ENDINGS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/svg+xml": "svg",
    "font/ttf": "ttf",
    "font/otf": "otf",
    "font/collection": "ttc",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/mp4": "m4a",
    "audio/aac": "aac",
}
"""File endings by media type."""
_FONTS = {b"\0\1\0\0": "font/ttf", b"true": "font/ttf", b"OTTO": "font/otf", b"ttcf": "font/collection"}
_SOUNDS = {"mp3": "audio/mpeg", "wav": "audio/wav", "flac": "audio/flac", "ogg": "audio/ogg", "aac": "audio/aac"}


def media_type_of(data: bytes, use: Use | None = None) -> str:
    """Return the media type of a file's content, which is checked completely for logos and fonts.

    Args:
        use: what the file is for; None to accept any of them.

    Raises:
        InvalidAssetError: it cannot be used for this.
    """
    if not data:
        raise InvalidAssetError("is empty. Copy or save it again.")
    if use:
        return _CHECKS[use](data)
    if data[:4] in _FONTS:
        return _font(data)
    return _logo(data) if _is_svg(data) or _is_picture(data) else _sound(data)


def _logo(data: bytes) -> str:
    if _is_svg(data):
        from adapters.media.drawing.svg import check_svg  # Skia is part of an extra

        check_svg(data)
        return "image/svg+xml"
    try:
        return inspect_picture(Path(), data, LEAST_SIDE).media_type
    except InvalidPictureError as error:
        raise InvalidAssetError(str(error).replace("PNG, JPEG or WebP", "PNG, SVG, JPEG or WebP")) from error


def _font(data: bytes) -> str:
    media_type = _FONTS.get(data[:4])
    if media_type is None:
        raise InvalidAssetError("is not a font. Use a TrueType or OpenType file (.ttf, .otf or .ttc).")
    try:
        ImageFont.truetype(BytesIO(data), 16, layout_engine=ImageFont.Layout.BASIC).getbbox("A")
    except (OSError, ValueError) as error:
        raise InvalidAssetError("is a damaged font. Download or copy it again.") from error
    return media_type


def _sound(data: bytes) -> str:
    try:
        with av.open(BytesIO(data), "r") as container:
            frame = next(container.decode(audio=0), None)
            name = container.format.name.partition(",")[0]
    except (av.FFmpegError, OSError, IndexError, ValueError):
        frame, name = None, ""
    if frame is None:
        raise InvalidAssetError("is not a readable sound. Save it as WAV, FLAC, MP3, Ogg or M4A.")
    media_type = "audio/mp4" if name == "mov" else _SOUNDS.get(name)
    if media_type is None:
        raise InvalidAssetError(f"is a sound of the format {name}. Save it as WAV, FLAC, MP3, Ogg or M4A.")
    return media_type


_CHECKS: Mapping[Use, Callable[[bytes], str]] = {"logo": _logo, "font": _font, "music": _sound, "voice": _sound}


def _is_svg(data: bytes) -> bool:
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    return head.startswith((b"<svg", b"<?xml", b"<!--", b"<!DOCTYPE svg")) and b"<svg" in data


def _is_picture(data: bytes) -> bool:
    return data.startswith((b"\x89PNG", b"\xff\xd8\xff")) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")
