"""The metadata of a clip: what its rows say in the columns for locale, call to action, notes and the sheet's own."""

from collections.abc import Iterable, Mapping

from manifests.brief import Brief

METADATA_COLUMNS = ("locale", "cta", "notes")
"""Our own columns that are metadata. All columns of the sheet's own are metadata too."""

Metadata = dict[str, tuple[str, ...]]
"""The values of each column that has any, in the order of the sheet."""


def clip_metadata(rows: Iterable[tuple[Brief, Iterable[tuple[str, str]]]]) -> Metadata:
    """Return the metadata of a clip from its rows, each with the labels of the clip's combination.

    If a column is an axis of the row, the clip has one of its values: that of its label. In any other case the clip
    belongs to all values of the cell: with ``de|fr`` as its locale, one clip serves both. A clip that several rows
    share has the values of all of them.
    """
    found: dict[str, dict[str, None]] = {}
    for brief, labels in rows:
        chosen = dict(labels)
        for column in (*METADATA_COLUMNS, *brief.metadata):
            values = (chosen[column],) if column in chosen else brief.values(column)
            if kept := [value for value in values if value]:
                found.setdefault(column, {}).update(dict.fromkeys(kept))
    return {column: tuple(values) for column, values in found.items()}


def joined(metadata: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Return the metadata as texts, with several values separated by ``|`` as in the sheet."""
    return {column: "|".join(values) for column, values in metadata.items()}
