"""Files that the signer adds to a credential as ingredients of a deliverable."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

PARENT = "parent"
"""Label of the parent ingredient."""

MediaType = Annotated[str, Field(pattern=r"^[a-z]+/[a-z0-9.+-]+$")]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


def _unused(label: str) -> str:
    if label in (PARENT, "prompt", "first_frame"):
        raise ValueError(f"{label!r} is the name of another ingredient")
    return label


class MasterFile(BaseModel):
    """The signed clip that a deliverable was made from. Its credential becomes part of that of the deliverable.

    Attributes:
        path: the file.
        title: of its credential.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    title: Name

    def to_dict(self) -> dict[str, Any]:
        """Return the input of the C2PA builder."""
        return {"title": self.title, "label": PARENT, "relationship": "parentOf"}


class ComponentFile(BaseModel):
    """A file that was placed into a deliverable: a logo, music, a voice, or a further shot.

    Attributes:
        path: the file.
        label: name within the definition, which the action that places it uses.
        title: for people.
        format: media type.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    label: Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9 ._-]{0,63}$"), AfterValidator(_unused)]
    title: Name
    format: MediaType

    def to_dict(self) -> dict[str, Any]:
        """Return the input of the C2PA builder; the path is not disclosed."""
        return {"title": self.title, "label": self.label, "relationship": "componentOf", "format": self.format}
