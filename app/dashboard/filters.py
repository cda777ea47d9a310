"""What a gallery's URL says, and how it is said again."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Query

from adapters.catalogue import Filter
from manifests.errors import ReelmillError

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
    "order",
)
DEFAULT_ORDER = "score"
SAID = {
    "q": "words",
    "lowest": "score from",
    "highest": "score to",
    "since": "made from",
    "until": "made to",
    "reason": "failed by",
    "parent": "re-rolled from",
}


class InvalidFilterError(ReelmillError):
    """The address asks for something that the gallery does not understand."""


class Asked:
    """The query of a gallery page: a Filter, an order, a place; the same as the texts of the form."""

    def __init__(self, texts: dict[str, str], states: tuple[str, ...]) -> None:
        self.texts = {name: value.strip() for name, value in texts.items() if value and value.strip()}
        self.states = tuple(state for state in states if state)
        self.order = self.texts.get("order", DEFAULT_ORDER)
        self.chosen = self._filter()

    def _filter(self) -> Filter:
        text = self.texts.get
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
        )

    def _number(self, name: str) -> float | None:
        if name not in self.texts:
            return None
        try:
            value = float(self.texts[name].replace(",", "."))
        except ValueError:
            value = 9.0
        if not -1 <= value <= 1:
            raise InvalidFilterError(f"The {name} score {self.texts[name]!r} is no number from -1 to 1; mend it.")
        return value

    def _seed(self) -> int | None:
        seed = self.texts.get("seed")
        if seed is None:
            return None
        if not (seed.isascii() and seed.isdigit() and len(seed) <= 10):
            raise InvalidFilterError(f"The seed {seed!r} is no whole number; mend it.")
        return int(seed)

    def _day(self, name: str, days: int = 0) -> float | None:
        if name not in self.texts:
            return None
        try:
            day = datetime.strptime(self.texts[name], "%Y-%m-%d").replace(tzinfo=UTC)
            return (day + timedelta(days=days)).timestamp()
        except (ValueError, OverflowError):
            raise InvalidFilterError(f"The date {self.texts[name]!r} is none; write it as 2026-11-24.") from None

    @property
    def query(self) -> str:
        """The same as a query string, without the place."""
        return self.with_()

    def with_(self, **changes: Any) -> str:
        """Return the query string with other values; None leaves one out."""
        texts = {**self.texts, **{name: value for name, value in changes.items() if name != "state"}}
        pairs = [(name, str(value)) for name, value in texts.items() if value is not None]
        states = changes.get("state", self.states)
        return urlencode(sorted(pairs) + [("state", state) for state in states or ()])

    @property
    def told(self) -> list[str]:
        """What is filtered, for people."""
        said = [f"{SAID.get(name, name)} {value}" for name, value in self.texts.items() if name != "order"]
        return said + ([f"state {' or '.join(self.states)}"] if self.states else [])

    @property
    def narrowed(self) -> bool:
        """True where anything is filtered."""
        return bool(self.states) or any(name != "order" for name in self.texts)


async def _asked(
    state: Annotated[list[str] | None, Query()] = None,
    campaign: str = "",
    brief: str = "",
    placement: str = "",
    locale: str = "",
    verdict: str = "",
    reason: str = "",
    lowest: str = "",
    highest: str = "",
    model: str = "",
    since: str = "",
    until: str = "",
    q: str = "",
    seed: str = "",
    reviewed: str = "",
    parent: str = "",
    order: str = "",
) -> Asked:
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
        "order": order,
    }
    return Asked(given, tuple(state or ()))


AskedFor = Annotated[Asked, Depends(_asked)]


def asked_from(query: str) -> Asked:
    """Read a saved query string; what it does not know is left out."""
    from urllib.parse import parse_qsl

    pairs = parse_qsl(query, max_num_fields=60)
    texts = {name: value for name, value in pairs if name in NAMES and name != "state"}
    return Asked(texts, tuple(value for name, value in pairs if name == "state"))
