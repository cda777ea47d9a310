"""Parse the gallery's query string into a filter, and build it again for links."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Query

from adapters.catalogue import Filter
from adapters.catalogue.views.gallery import ORDERS
from manifests.errors import ReelmillError
from manifests.scoring.gate import reason_label

NAMES = (
    "campaign",
    "brief",
    "placement",
    "locale",
    "state",
    "verdict",
    "reason",
    "lowest",
    "highest",
    "model",
    "since",
    "until",
    "q",
    "seed",
    "reviewed",
    "parent",
    "details",
    "order",
)
DEFAULT_ORDER = "score"
FILTER_LABELS = {
    "q": "text",
    "lowest": "score from",
    "highest": "score to",
    "since": "created from",
    "until": "created to",
    "reason": "failure reason",
    "parent": "regenerated from",
    "details": "sheet columns contain",
}


class InvalidFilterError(ReelmillError):
    """A filter in the URL is invalid."""


class GalleryQuery:
    """The query of a gallery page.

    Attributes:
        values: the texts of the form by field name, without blanks.
        states: the selected states.
        order: a key of ORDERS.
        filter: the same as a catalogue filter.
    """

    def __init__(self, texts: dict[str, str], states: tuple[str, ...]) -> None:
        self.values = {name: value.strip() for name, value in texts.items() if value and value.strip()}
        self.states = tuple(state for state in states if state)
        self.order = self.values.get("order", DEFAULT_ORDER)
        if self.order not in ORDERS:
            raise InvalidFilterError(f"The order {self.order[:80]!r} does not exist. Use one of {', '.join(ORDERS)}.")
        self.filter = self._filter()

    def _filter(self) -> Filter:
        text = self.values.get
        return Filter(
            campaign=text("campaign", ""),
            brief=text("brief", ""),
            placement=text("placement", ""),
            locale=text("locale", ""),
            states=self.states,
            verdict=text("verdict", ""),
            reason=text("reason", ""),
            lowest=self._number("lowest"),
            highest=self._number("highest"),
            model=text("model", ""),
            since=self._day("since"),
            until=self._day("until", 1),
            text=text("q", "").replace("\x00", ""),
            seed=self._seed(),
            reviewed=text("reviewed", ""),
            parent=text("parent", ""),
            details=text("details", "").replace("\x00", ""),
        )

    def _number(self, name: str) -> float | None:
        if name not in self.values:
            return None
        try:
            value = float(self.values[name].replace(",", "."))
        except ValueError:
            value = 9.0
        if not -1 <= value <= 1:
            raise InvalidFilterError(f"The {name} score {self.values[name]!r} is invalid. Enter a number from -1 to 1.")
        return value

    def _seed(self) -> int | None:
        seed = self.values.get("seed")
        if seed is None:
            return None
        if not (seed.isascii() and seed.isdigit() and len(seed) <= 10):
            raise InvalidFilterError(f"The seed {seed!r} is invalid. Enter a whole number.")
        return int(seed)

    def _day(self, name: str, days: int = 0) -> float | None:
        if name not in self.values:
            return None
        try:
            day = datetime.strptime(self.values[name], "%Y-%m-%d").replace(tzinfo=UTC)
            return (day + timedelta(days=days)).timestamp()
        except (ValueError, OverflowError):
            raise InvalidFilterError(
                f"The date {self.values[name]!r} is invalid. Enter it as YYYY-MM-DD, for example 2026-11-24."
            ) from None

    @property
    def query_string(self) -> str:
        """The query string without the page cursor."""
        return self.with_()

    def with_(self, **changes: Any) -> str:
        """Return the query string with changed values; None removes a value."""
        texts = {**self.values, **{name: value for name, value in changes.items() if name != "state"}}
        pairs = [(name, str(value)) for name, value in texts.items() if value is not None]
        states = changes.get("state", self.states)
        return urlencode(sorted(pairs) + [("state", state) for state in states or ()])

    @property
    def labels(self) -> list[str]:
        """The active filters as text for people."""
        shown = self.values | {"reason": reason_label(self.filter.reason)}
        labels = [f"{FILTER_LABELS.get(name, name)} {shown[name]}" for name in self.values if name != "order"]
        return labels + ([f"state {' or '.join(self.states)}"] if self.states else [])

    @property
    def is_filtered(self) -> bool:
        """True if any filter is active."""
        return bool(self.states) or any(name != "order" for name in self.values)


async def _page_query(
    state: Annotated[list[str] | None, Query(description="State; repeat for several states")] = None,
    campaign: Annotated[str, Query(description="Campaign id")] = "",
    brief: Annotated[str, Query(description="Brief id")] = "",
    placement: Annotated[str, Query(description="Placement")] = "",
    locale: Annotated[str, Query(description="Locale")] = "",
    verdict: Annotated[str, Query(description="Verdict of the gate")] = "",
    reason: Annotated[str, Query(description="Failure reason of the gate")] = "",
    lowest: Annotated[str, Query(description="Lowest prompt adherence, -1 to 1")] = "",
    highest: Annotated[str, Query(description="Highest prompt adherence, -1 to 1")] = "",
    model: Annotated[str, Query(description="Name of the model card")] = "",
    since: Annotated[str, Query(description="Created on or after this date (UTC), as YYYY-MM-DD")] = "",
    until: Annotated[str, Query(description="Created on or before this date (UTC), as YYYY-MM-DD")] = "",
    q: Annotated[str, Query(description="Text in the prompt, or a clip id")] = "",
    seed: Annotated[str, Query(description="Seed")] = "",
    reviewed: Annotated[str, Query(description="Whether a person has reviewed the clip")] = "",
    parent: Annotated[str, Query(description="Id of the clip that was regenerated")] = "",
    details: Annotated[
        str, Query(description="Text in the columns locale, cta, notes or another column of the sheet")
    ] = "",
    order: Annotated[str, Query(description="Sort order; score is highest first, -score lowest first")] = "",
) -> GalleryQuery:
    given = {
        "campaign": campaign,
        "brief": brief,
        "placement": placement,
        "locale": locale,
        "verdict": verdict,
        "reason": reason,
        "lowest": lowest,
        "highest": highest,
        "model": model,
        "since": since,
        "until": until,
        "q": q,
        "seed": seed,
        "reviewed": reviewed,
        "parent": parent,
        "details": details,
        "order": order,
    }
    return GalleryQuery(given, tuple(state or ()))


PageQuery = Annotated[GalleryQuery, Depends(_page_query)]


def parse_query(query: str) -> GalleryQuery:
    """Parse a query string; unknown parameters are ignored."""
    from urllib.parse import parse_qsl

    pairs = parse_qsl(query, max_num_fields=60)
    texts = {name: value for name, value in pairs if name in NAMES and name != "state"}
    return GalleryQuery(texts, tuple(value for name, value in pairs if name == "state"))
