"""A validated campaign sheet."""

from dataclasses import dataclass

from manifests.brief import Brief
from manifests.identity import slug


@dataclass(frozen=True, slots=True)
class Campaign:
    """The briefs of a sheet, identified by the sheet's content.

    Attributes:
        name: the sheet's file name without its extension.
        sheet_sha256: hex digest of the sheet's bytes, and of its pictures if it uses any.
        briefs: the accepted rows, in the sheet's order.
    """

    name: str
    sheet_sha256: str
    briefs: tuple[Brief, ...]

    @property
    def campaign_id(self) -> str:
        """Slug of the name and the first ten digits of the sheet's hash."""
        return f"{slug(self.name)}-{self.sheet_sha256[:10]}"
