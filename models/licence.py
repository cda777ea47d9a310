"""What a model's licence allows, as far as it decides whether clips may be published."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from models.record import Record


class Licence(Record):
    """The licence of the pinned revision; versions of one repository can differ.

    Attributes:
        name: SPDX name or title.
        commercial: ``limited`` and ``forbidden`` need the operator's word before a clip is published.
        revenue_limit_usd: a year's revenue, affiliates counted, that must not be reached.
        excluded_territories: ISO 3166-1 alpha-2 codes where neither model nor clips may be used or shown.
        registration: where commercial users have to register first.
        audience_limit: such as ``1 million visits a month``.
        attribution: words that have to stand beside what is published.
        disclosure: what is published must say that a machine made it, so that people can read it.
        sentence: the whole in one sentence, for people.
    """

    name: str
    url: str = ""
    commercial: Literal["allowed", "limited", "forbidden"] = "allowed"
    revenue_limit_usd: int | None = Field(default=None, gt=0)
    excluded_territories: tuple[str, ...] = ()
    registration: str = ""
    audience_limit: str = ""
    attribution: str = ""
    disclosure: bool = False
    sentence: str = ""

    def conditions(self) -> Iterator[str]:
        """Yield what the operator has to attest, a phrase each; none where everybody may publish."""
        if self.commercial == "forbidden":
            yield "it forbids commercial use, so a licence of your own is needed"
        if self.revenue_limit_usd is not None:
            yield f"it ends at {self.revenue_limit_usd:,} US dollars of revenue a year, affiliates counted"
        if self.registration:
            yield f"commercial use needs a registration first ({self.registration})"
        if self.audience_limit:
            yield f"it ends above {self.audience_limit}"
        if self.excluded_territories:
            yield f"neither model nor clips may be used or shown in {', '.join(self.excluded_territories)}"
        if self.commercial == "limited" and not any(
            (self.revenue_limit_usd, self.registration, self.audience_limit, self.excluded_territories)
        ):
            yield self.sentence or "it limits commercial use"
