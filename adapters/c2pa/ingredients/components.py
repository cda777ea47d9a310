"""The files that were placed into a deliverable, as component ingredients of its credential."""

import re

from c2pa import Builder, C2paError

from adapters.c2pa.ingredients.parent import UNREADABLE
from manifests.credentials.definition import ManifestDefinition
from manifests.credentials.ingredient_files import ComponentFile
from manifests.errors import InvalidDefinitionError

SIGNATURES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8"), "image/gif"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"RIFF.{4}WAVE", re.DOTALL), "audio/wav"),
    (re.compile(rb"ID3|\xff[\xfb\xf3\xf2]"), "audio/mpeg"),
    (re.compile(rb"fLaC"), "audio/flac"),
    (re.compile(rb".{4}ftypM4A ", re.DOTALL), "audio/mp4"),
)
"""How files of these formats begin."""
LONGEST = 16


def add_components(builder: Builder, definition: ManifestDefinition) -> None:
    """Add each component, including its own credential if it has one.

    Raises:
        InvalidDefinitionError: a component is missing or damaged. It concerns this deliverable only.
        OSError: this machine cannot read it.
    """
    for component in definition.components:
        try:
            _add(builder, component)
        except (C2paError, FileNotFoundError) as error:
            raise InvalidDefinitionError(
                f"Cannot sign the deliverable: its component {component.title!r} cannot be read ({error}). "
                "Replace the file, and finish the deliverable again."
            ) from error


def _add(builder: Builder, component: ComponentFile) -> None:
    """Add a component in the format that it has, because a JPEG may be called ``logo.png``."""
    with open(component.path, "rb") as file:
        media_type = _media_type(file.read(LONGEST)) or component.format
        ingredient = component.to_dict() | {"format": media_type}
        file.seek(0)
        try:
            builder.add_ingredient(ingredient, media_type, file)
        except C2paError.NotSupported:  # a format without credentials is only hashed
            file.seek(0)
            builder.add_ingredient(ingredient, UNREADABLE, file)


def _media_type(start: bytes) -> str:
    return next((media_type for pattern, media_type in SIGNATURES if pattern.match(start)), "")
