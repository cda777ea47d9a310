"""A published file that can become part of a package."""

from collections.abc import Mapping
from typing import NamedTuple


class CaptionFile(NamedTuple):
    """A caption file of a deliverable: its format, ``srt`` or ``vtt``, its key in the bucket, and its SHA-256."""

    ending: str
    key: str
    sha256: str


class PackageItem(NamedTuple):
    """A published clip or deliverable.

    Attributes:
        item_id: id of the variant or the deliverable.
        is_deliverable: whether it was finished: with logo, captions and so on.
        brief_id, row: of the sheet.
        prompt: that the clip, or the first shot, was generated with.
        placement: label such as ``tiktok 9:16``.
        preset: name of the placement's requirements; empty if they are not known.
        metadata: values of the sheet's columns, by name in lower case.
        texts: of the finish template in this locale: ``cta``, ``headline`` and so on.
        key, sha256: of the signed file in the bucket.
        adherence: how well it shows the prompt, 0 to 1; None if it was not scored.
        shots: ids of the clips of a deliverable, in order.
        transition_s: crossfade between its shots in seconds.
        violations: requirements of the placement that it does not meet, as sentences.
    """

    item_id: str
    is_deliverable: bool
    brief_id: str
    row: int
    prompt: str
    placement: str
    aspect_ratio: str
    key: str
    sha256: str
    preset: str = ""
    locale: str = ""
    metadata: Mapping[str, tuple[str, ...]] = {}
    texts: Mapping[str, str] = {}
    captions: tuple[CaptionFile, ...] = ()
    adherence: float | None = None
    url: str = ""
    shots: tuple[str, ...] = ()
    transition_s: float = 0.0
    violations: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Name for messages: row and short id."""
        return f"Row {self.row}, {'deliverable' if self.is_deliverable else 'clip'} {self.item_id[:12]}"

    def text(self, *columns: str) -> str:
        """Return the first text that one of the columns has: of the template, or else of the sheet.

        In the sheet, columns of the item's language such as ``headline_de`` come before ``headline``.
        """
        tag = self.locale.lower().replace("-", "_")
        endings = dict.fromkeys((f"_{tag}", f"_{tag.partition('_')[0]}") if tag else ())
        for column in columns:
            names = (*(column + ending for ending in endings), column)
            texts = (value for name in names for value in self.metadata.get(name, ()) if value)
            if found := self.texts.get(column) or next(texts, ""):
                return found
        return ""


class LeftOut(NamedTuple):
    """A file that is not in the package, and why."""

    item: PackageItem
    reason: str
