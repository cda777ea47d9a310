"""A sheet, read and checked."""

from dataclasses import dataclass

from manifests.brief import Brief
from manifests.identity import slug


@dataclass(frozen=True, slots=True)
class Campaign:
    """A sheet's briefs under a name that its content decides.

    Attributes:
        name: the sheet's file name without its ending.
        sheet_sha256: hex digest of the sheet's bytes, and of its pictures' where it names any.
        briefs: the rows that were accepted, in the sheet's order.
    """

    name: str
    sheet_sha256: str
    briefs: tuple[Brief, ...]

    @property
    def campaign_id(self) -> str:
        """Slug of the name and the first ten digits of the sheet's hash."""
        return f"{slug(self.name)}-{self.sheet_sha256[:10]}"
