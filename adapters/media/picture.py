"""Validate pictures from users with Pillow and convert them to plain pixels."""

import hashlib
import os
import warnings
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "MPO": "image/jpeg", "WEBP": "image/webp"}
"""Media types by Pillow's format name. MPO is a JPEG of a phone with additional pictures after the visible one."""
OPENED = ("PNG", "JPEG", "WEBP")
MAX_BYTES = 64 * 2**20
MAX_PIXELS = 50_000_000
MIN_SIDE = 64

_DAMAGE = (OSError, SyntaxError, ValueError, OverflowError, MemoryError, EOFError, IndexError, KeyError, TypeError)
"""Exceptions of Pillow's readers for damaged or truncated files."""


class InvalidPictureError(ValueError):
    """The picture cannot be used. The message continues a sentence that starts with its quoted name."""


class Picture(NamedTuple):
    """A valid picture.

    Attributes:
        sha256: hex digest of the file.
        media_type: ``image/png``, ``image/jpeg`` or ``image/webp``, detected from the content.
        height, width: pixels, in upright orientation.
        is_transparent: whether it has transparent pixels, which become white.
    """

    path: Path
    sha256: str
    media_type: str
    height: int
    width: int
    is_transparent: bool


def read_picture(path: Path) -> Picture:
    """Read and fully decode a picture; the format is detected from the content, not from the name.

    Raises:
        InvalidPictureError: missing, of an unsupported format, animated, damaged, too large or too small.
    """
    return inspect_picture(path, picture_bytes(path))


def inspect_picture(path: Path, data: bytes, least_side: int = MIN_SIDE) -> Picture:
    """Do the same with the content of a file that was already read.

    Args:
        least_side: smallest width and height in pixels.
    """
    image = _opened(data, least_side)
    upright = _upright(image)
    see_through = upright.has_transparency_data and bool(np.asarray(upright.convert("RGBA"))[..., 3].min() < 255)
    media_type = MEDIA_TYPES[image.format or ""]
    return Picture(path, hashlib.sha256(data).hexdigest(), media_type, upright.height, upright.width, see_through)


def picture_bytes(path: Path) -> bytes:
    """Return the content of a file of at most MAX_BYTES; pipes and devices are not opened.

    Raises:
        InvalidPictureError: missing, not a file, too large, or not readable.
    """
    try:
        if path.is_dir():
            raise InvalidPictureError("is a folder. Enter the path of a picture in it.")
        size = path.stat().st_size
        if not path.is_file():
            raise InvalidPictureError("is not a file. Enter the path of a picture.")
        if size > MAX_BYTES:
            raise InvalidPictureError(f"is larger than {MAX_BYTES // 2**20} MiB. Reduce its size.")
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise InvalidPictureError(
            f"does not exist in '{path.parent}'. Enter its path relative to the folder of the sheet, or its full path."
        ) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        if isinstance(error, InvalidPictureError):
            raise
        raise InvalidPictureError(
            f"cannot be opened ({reason or error}). Check its name and its permissions."
        ) from error


def pixels_of(data: bytes) -> np.ndarray:
    """Return uint8 (height, width, 3) in sRGB, upright by EXIF, with transparency on white.

    Raises:
        InvalidPictureError: as in read_picture.
    """
    return np.asarray(_srgb(_upright(_opened(data))))


def pixels_with_alpha(data: bytes) -> np.ndarray:
    """Return uint8 (height, width, 4) in sRGB with straight alpha, upright by EXIF.

    Raises:
        InvalidPictureError: as in read_picture.
    """
    image = _upright(_opened(data, 1))
    alpha = image.convert("RGBA").getchannel("A")
    colours = image.convert("RGBA").convert("RGB") if image.has_transparency_data else image
    colours.info = image.info
    return np.dstack([np.asarray(_srgb(colours)), np.asarray(alpha)])


def thumbnail_of(data: bytes, side: int = 320) -> bytes:
    """Return a JPEG of at most ``side`` pixels in width and height, without metadata."""
    image = _srgb(_upright(_opened(data)))
    image.thumbnail((side, side))
    out = BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


def covering(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return the middle of a picture, scaled so that it fills a size.

    Args:
        pixels: uint8 (any height, any width, 3).
        width, height: of the result in pixels.
    """
    image = ImageOps.fit(Image.fromarray(pixels), (width, height), Image.Resampling.LANCZOS)
    return np.asarray(image)


def png_of(pixels: np.ndarray) -> bytes:
    """Return uint8 (height, width, 3), sRGB, as a PNG file."""
    out = BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def _opened(data: bytes, least_side: int = MIN_SIDE) -> Image.Image:
    """Open a still picture; its size is checked before its pixels are decoded."""
    if not data:
        raise InvalidPictureError("is empty. Copy or save it again.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(BytesIO(data), formats=OPENED)
        _check_shape(image, least_side)
        image.load()
    except Image.DecompressionBombError as error:
        raise InvalidPictureError(_too_large()) from error
    except UnidentifiedImageError as error:
        raise InvalidPictureError("is not a readable picture. Save it as PNG, JPEG or WebP.") from error
    except InvalidPictureError:
        raise
    except _DAMAGE as error:
        raise InvalidPictureError("is damaged or incomplete. Copy or save it again.") from error
    return image


def _check_shape(image: Image.Image, least_side: int) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InvalidPictureError(_too_large())
    if min(width, height) < least_side:
        raise InvalidPictureError(
            f"has {width} × {height} pixels. Use a picture with at least {least_side} × {least_side} pixels."
        )
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise InvalidPictureError("is animated. Save only the frame that the clip should start with.")


def _too_large() -> str:
    return f"has more than {MAX_PIXELS // 10**6} million pixels. Reduce its size."


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except _DAMAGE:  # ignore unreadable EXIF data
        return image


def _srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):  # 16-bit greyscale
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        above = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", above.size, "white"), above).convert("RGB")
    elif image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("RGB")
    return _by_profile(image, profile) if profile else image.convert("RGB")


def _by_profile(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert from another colour space, such as Display P3 of phones; an invalid profile is ignored."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if "srgb" not in ImageCms.getProfileDescription(source).casefold():
            target = ImageCms.createProfile("sRGB")
            return ImageCms.profileToProfile(image, source, target, outputMode="RGB") or image.convert("RGB")
    except (ImageCms.PyCMSError, *_DAMAGE):
        pass
    return image.convert("RGB")
