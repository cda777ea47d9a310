"""Pictures that people hand in (Pillow): looked at with distrust, then turned into plain pixels."""

import hashlib
import os
import warnings
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "MPO": "image/jpeg", "WEBP": "image/webp"}
"""By Pillow's format. MPO is what phones call a JPEG with more pictures behind the one that everybody sees."""
OPENED = ("PNG", "JPEG", "WEBP")
MAX_BYTES = 64 * 2**20
MAX_PIXELS = 50_000_000
MIN_SIDE = 64

_DAMAGE = (OSError, SyntaxError, ValueError, OverflowError, MemoryError, EOFError, IndexError, KeyError, TypeError)
"""What Pillow's readers raise on bytes that were changed or cut."""


class InvalidPictureError(ValueError):
    """The picture cannot be used; the message goes on after its quoted name."""


class Picture(NamedTuple):
    """A picture that can be used.

    Attributes:
        sha256: hex digest of the file's bytes.
        media_type: ``image/png``, ``image/jpeg`` or ``image/webp``, by its bytes.
        height, width: pixels, upright.
        is_transparent: True where white will show through.
    """

    path: Path
    sha256: str
    media_type: str
    height: int
    width: int
    is_transparent: bool


def read_picture(path: Path) -> Picture:
    """Look a picture through to its last pixel. It is only read, whatever its name says.

    Raises:
        InvalidPictureError: missing, no picture of a known format, animated, damaged, too large or too small.
    """
    return look_at(path, picture_bytes(path))


def look_at(path: Path, data: bytes) -> Picture:
    """Do the same with the bytes of a file that was read already."""
    image = _opened(data)
    upright = _upright(image)
    see_through = upright.has_transparency_data and bool(np.asarray(upright.convert("RGBA"))[..., 3].min() < 255)
    media_type = MEDIA_TYPES[image.format or ""]
    return Picture(path, hashlib.sha256(data).hexdigest(), media_type, upright.height, upright.width, see_through)


def picture_bytes(path: Path) -> bytes:
    """Return a file's bytes, at most MAX_BYTES; pipes and devices are not opened.

    Raises:
        InvalidPictureError: missing, no file, too large, or not ours to read.
    """
    try:
        if path.is_dir():
            raise InvalidPictureError("is a folder. Name the picture in it.")
        size = path.stat().st_size
        if not path.is_file():
            raise InvalidPictureError("is no file. Name a picture.")
        if size > MAX_BYTES:
            raise InvalidPictureError(f"has more than {MAX_BYTES // 2**20} MiB. Save it smaller.")
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise InvalidPictureError(
            f"isn't there: '{path.parent}' holds no such file. Name it from the sheet's folder on, "
            "or by its whole path."
        ) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        if isinstance(error, InvalidPictureError):
            raise
        raise InvalidPictureError(f"cannot be opened ({reason or error}). Check its name and its rights.") from error


def pixels_of(data: bytes) -> np.ndarray:
    """Return uint8 (height, width, 3): sRGB, upright by EXIF, what is transparent laid on white.

    Raises:
        InvalidPictureError: as read_picture.
    """
    return np.asarray(_srgb(_upright(_opened(data))))


def thumbnail_of(data: bytes, side: int = 320) -> bytes:
    """Return a JPEG of the picture, at most ``side`` pixels wide and high, without its metadata."""
    image = _srgb(_upright(_opened(data)))
    image.thumbnail((side, side))
    out = BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()


def _opened(data: bytes) -> Image.Image:
    """Open a still picture; its size is known and allowed before its pixels are unpacked."""
    if not data:
        raise InvalidPictureError("is empty. Copy or save it again.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(BytesIO(data), formats=OPENED)
        _check_shape(image)
        image.load()
    except Image.DecompressionBombError as error:
        raise InvalidPictureError(_too_large()) from error
    except UnidentifiedImageError as error:
        raise InvalidPictureError("isn't a picture that can be read. Save it as PNG, JPEG or WebP.") from error
    except InvalidPictureError:
        raise
    except _DAMAGE as error:
        raise InvalidPictureError("is damaged or cut short. Copy or save it again.") from error
    return image


def _check_shape(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InvalidPictureError(_too_large())
    if min(width, height) < MIN_SIDE:
        raise InvalidPictureError(f"has {width} × {height} pixels. Use one of at least {MIN_SIDE} × {MIN_SIDE}.")
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        raise InvalidPictureError("is animated. Save the one picture that the clip starts from.")


def _too_large() -> str:
    return f"has more than {MAX_PIXELS // 10**6} million pixels. Save it smaller."


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except _DAMAGE:  # EXIF that nobody can read turns nothing
        return image


def _srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):  # 16 bits of grey
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        above = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", above.size, "white"), above).convert("RGB")
    elif image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("RGB")
    return _by_profile(image, profile) if profile else image.convert("RGB")


def _by_profile(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert from a wider colour space, such as a phone's Display P3; a broken profile counts as none."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if "srgb" not in ImageCms.getProfileDescription(source).casefold():
            target = ImageCms.createProfile("sRGB")
            return ImageCms.profileToProfile(image, source, target, outputMode="RGB") or image.convert("RGB")
    except (ImageCms.PyCMSError, *_DAMAGE):
        pass
    return image.convert("RGB")
