"""The source file of a signed clip, as the parent ingredient of its credential."""

from pathlib import Path
from typing import NamedTuple

from c2pa import Builder, C2paError, Context

from adapters.c2pa.manifest_store import read_store
from manifests.credentials.definition import ManifestDefinition
from manifests.credentials.ingredient_files import PARENT, MasterFile
from manifests.errors import CredentialError, InvalidDefinitionError

MEDIA_TYPE = "video/mp4"
UNREADABLE = "application/octet-stream"
"""Media type for files whose credential the library cannot read: such a file is hashed, but not read."""
ORIGINAL_TITLE = "original file"


class Parent(NamedTuple):
    """A parent ingredient.

    Attributes:
        path: the file.
        title: from its own credential.
        format: media type.
    """

    path: Path
    title: str
    format: str = MEDIA_TYPE

    def add_to(self, builder: Builder) -> None:
        """Add the file, including its own credential if it has one.

        Raises:
            C2paError: the library cannot read the file.
        """
        ingredient = {"title": self.title, "label": PARENT, "relationship": "parentOf"}
        with open(self.path, "rb") as source:
            builder.add_ingredient(ingredient, self.format, source)


def parent_of(clip: Path, definition: ManifestDefinition, context: Context) -> Parent | None:
    """Return the parent of a clip: a deliverable's master, the provider's file, or itself if it is signed.

    Raises:
        InvalidDefinitionError: a finished file is signed already.
        CredentialError: the clip is not a readable video, or its credential is damaged and this is not disclosed.
    """
    if definition.master:
        return _master_of(clip, definition.master, context)
    original = definition.original
    facts = definition.generation
    is_invalid = facts is not None and facts.parent_credential == "invalid"
    path, media_type = (original.path, original.format) if original else (clip, MEDIA_TYPE)
    try:
        title = _title(path, context)
    except C2paError as error:
        if original and isinstance(error, C2paError.NotSupported):
            return Parent(path, ORIGINAL_TITLE, media_type)  # a format without credentials
        if not is_invalid:
            raise CredentialError(f"Cannot sign {clip}: it is not a readable video ({error}).") from error
        return Parent(path, ORIGINAL_TITLE, UNREADABLE)
    if title is None and original is None:
        return None
    return Parent(path, title or ORIGINAL_TITLE, media_type)


def _master_of(clip: Path, master: MasterFile, context: Context) -> Parent:
    """Return the master; the finished file itself must not have a credential, because it would be dropped."""
    try:
        own = _title(clip, context)
    except C2paError as error:
        raise CredentialError(f"Cannot sign {clip}: it is not a readable video ({error}).") from error
    if own is not None:
        raise InvalidDefinitionError(f"Cannot sign {clip}: it already has a credential. Finish the deliverable again.")
    return Parent(master.path, master.title)


def _title(path: Path, context: Context) -> str | None:
    with open(path, "rb") as source:
        reading = read_store(source, context)
    return (reading.manifest.get("title") or path.name) if reading else None
