"""The files that were placed into a deliverable, as component ingredients of its credential."""

from c2pa import Builder, C2paError

from adapters.c2pa.parent import UNREADABLE
from manifests.credentials.definition import ManifestDefinition
from manifests.credentials.ingredient_files import ComponentFile
from manifests.errors import InvalidDefinitionError


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
    try:
        with open(component.path, "rb") as file:
            builder.add_ingredient(component.to_dict(), component.format, file)
    except C2paError.NotSupported:
        with open(component.path, "rb") as file:  # a format without credentials is only hashed
            builder.add_ingredient(component.to_dict(), UNREADABLE, file)
