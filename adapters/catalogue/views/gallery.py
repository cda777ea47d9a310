"""Pages of clips by filter and order, with cursors instead of OFFSET, so that page 10,000 is as fast as the first."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite, nan
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Select,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.sql.elements import UnaryExpression

from adapters.catalogue.core.database import CataloguePart
from adapters.catalogue.core.rows import brief_from, machine_of, number_in, reasons_in, variant_from
from adapters.catalogue.core.tables import briefs, comments, events, memberships, reviews, variants
from adapters.catalogue.views.metadata_search import metadata_condition, words_of
from manifests.brief import Brief
from manifests.clip_metadata import Metadata, clip_metadata
from manifests.errors import CatalogueError
from manifests.pluralize import any_of
from manifests.scoring.verdict import Reason
from manifests.states import STATES
from manifests.variant import Variant

SMALL = 20_000
"""Up to this many members, a campaign is read and then sorted; above, the index of the order is walked."""


MAX_COUNTED = 10_000


PAGE = 60


by_score, by_made = variants.c.sort_score, variants.c.made_at


ORDERS: dict[str, tuple[ColumnElement[float], bool]] = {
    "score": (by_score, True),
    "-score": (by_score, False),
    "newest": (by_made, True),
    "oldest": (by_made, False),
}
"""By name: the sort column, and whether the order is descending."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter of the gallery; empty values match everything.

    Attributes:
        state, verdict: ``passed``, ``failed`` …; the verdict is that of the gate, regardless of reviews.
        reason: a reason code of the gate.
        lowest, highest: prompt adherence, both inclusive.
        since, until: when the clip was generated, seconds since 1970; ``until`` is exclusive.
        text: words and quoted phrases that the prompt must contain, or the beginning of the variant's id.
        reviewed: ``yes`` or ``no``: whether a person has reviewed it.
        locale: one of the clip's locales.
        details: words and quoted phrases that the clip's metadata must contain.
    """

    campaign: str = ""
    brief: str = ""
    placement: str = ""
    locale: str = ""
    states: tuple[str, ...] = ()
    verdict: str = ""
    reason: str = ""
    lowest: float | None = None
    highest: float | None = None
    model: str = ""
    since: float | None = None
    until: float | None = None
    text: str = ""
    seed: int | None = None
    reviewed: str = ""
    parent: str = ""
    details: str = ""


@dataclass(frozen=True, slots=True)
class GalleryRow:
    """A clip for a card of the gallery.

    Attributes:
        seen: id of its last event, which a decision must name.
        machine: the machine that has the clip; None if there is no clip.
        comments: number of comments.
        places: its briefs, placements and locales, such as ``b1 · tiktok 9:16`` or ``b1 · 1:1 · de``.
        metadata: what its rows say in the columns for locale, call to action, notes and the sheet's own.
    """

    variant_id: str
    variant: Variant
    state: str
    prompt_adherence: float | None
    reasons: tuple[Reason, ...]
    error: str | None
    machine: str | None
    made_at: float | None
    parent_id: str | None
    seen: int
    comments: int
    key: float
    places: tuple[str, ...] = ()
    metadata: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def cursor(self) -> str:
        """The cursor for the page after this row."""
        return f"{self.key!r}~{self.variant_id}"


class GalleryPage(NamedTuple):
    """Rows in order, with the cursors of the neighbouring pages; None if there is none."""

    rows: tuple[GalleryRow, ...]
    after: str | None
    before: str | None


class Count(NamedTuple):
    """A count; ``more`` if counting stopped there."""

    number: int
    more: bool = False


class Gallery(CataloguePart):
    """Read pages of clips."""

    def page(
        self,
        chosen: Filter,
        order: str = "score",
        *,
        after: str | None = None,
        before: str | None = None,
        limit: int = PAGE,
    ) -> GalleryPage:
        """Return a page of clips.

        Args:
            order: one of ORDERS.
            after, before: cursor of a neighbouring page; at most one of the two.

        Raises:
            CatalogueError: the order, state, verdict or cursor is invalid.
        """
        if order not in ORDERS:
            raise CatalogueError(f"Unknown order {order!r}. Use {any_of(ORDERS)}.")
        column, descending = ORDERS[order]
        descending = descending != bool(before)
        with self._db.reading() as connection:
            small = self._is_small(connection, chosen)
            # The addition keeps the planner from walking the column's index for a small campaign.
            key = column + literal(0.0, Float()) if small else column
            place = (_turned(key, descending), _turned(variants.c.variant_id, descending))
            cursor = after or before
            on = [*_by_metadata(connection, chosen), *([_beyond(key, cursor, descending)] if cursor else [])]
            if small or len(chosen.states) < 2:
                query = _shown(key).where(*_conditions(chosen, small), *on)
            else:  # one index per state and key, then the best of the results
                parts = [
                    select(variants.c.variant_id)
                    .where(*_conditions(replace(chosen, states=(state,)), small), *on)
                    .order_by(*place)
                    .limit(limit + 1)
                    .subquery()
                    for state in chosen.states
                ]
                query = _shown(key).where(variants.c.variant_id.in_(union_all(*map(select, parts))))
            rows = _rows(connection, query.order_by(*place).limit(limit + 1))
        return _page(rows, limit, cursor=after or before, backwards=bool(before))

    def rows(self, variant_ids: Sequence[str], order: str = "score") -> list[GalleryRow]:
        """Return up to 1,000 clips in the order of the given ids."""
        query = _shown(ORDERS[order][0]).where(variants.c.variant_id.in_(list(variant_ids)))
        with self._db.reading() as connection:
            found = {row.variant_id: row for row in _rows(connection, query)}
        return [found[key] for key in variant_ids if key in found]

    def count(self, chosen: Filter, most: int = MAX_COUNTED) -> Count:
        """Count clips, up to ``most``."""
        with self._db.reading() as connection:
            small = self._is_small(connection, chosen)
            conditions = (*_conditions(chosen, small), *_by_metadata(connection, chosen))
            fitting = select(literal(1)).select_from(variants).where(*conditions)
            some = fitting.limit(most + 1).subquery()
            number = connection.execute(select(func.count()).select_from(some)).scalar_one()
        return Count(min(number, most), number > most)

    def facets(self, campaign_id: str) -> dict[str, list[str]]:
        """Return the briefs, placements and locales of a campaign's first 1,000 briefs, as choices for filters."""
        query = select(briefs.c.body).where(briefs.c.campaign_id == campaign_id).order_by(briefs.c.ordinal).limit(1000)
        with self._db.reading() as connection:
            found = [brief_from(body) for body in connection.execute(query).scalars()]
        return {
            "brief": [brief.brief_id for brief in found],
            "placement": sorted({placement.label for brief in found for placement in brief.placements}),
            "locale": sorted({locale for brief in found for locale in brief.locales}),
        }

    def children(self, variant_id: str) -> list[str]:
        """Return the variants that were regenerated from this one."""
        query = select(variants.c.variant_id).where(variants.c.parent_id == variant_id).order_by(variants.c.variant_id)
        with self._db.reading() as connection:
            return list(connection.execute(query).scalars())

    def last_events(self, chosen: Filter, limit: int) -> dict[str, int]:
        """Return the variants of a filter with their last events, which a decision about them must name."""
        with self._db.reading() as connection:
            small = self._is_small(connection, chosen)
            conditions = (*_conditions(chosen, small), *_by_metadata(connection, chosen))
            some = select(variants.c.variant_id).where(*conditions).limit(limit).subquery()
            query = (
                select(events.c.variant_id, func.max(events.c.event_id).label("seen"))
                .where(events.c.variant_id.in_(select(some.c.variant_id)))
                .group_by(events.c.variant_id)
            )
            return {row.variant_id: row.seen for row in connection.execute(query)}

    @staticmethod
    def _is_small(connection: Any, chosen: Filter) -> bool:
        """Return whether so few clips match that reading them beats walking an index of all clips."""
        member = list(_membership(chosen))
        if not member or not chosen.campaign:
            return False
        some = select(literal(1)).where(*member).limit(SMALL + 1).subquery()
        return bool(connection.execute(select(func.count()).select_from(some)).scalar_one() <= SMALL)


def _shown(key: ColumnElement[float]) -> Select[Any]:
    seen = (
        select(func.max(events.c.event_id))
        .where(events.c.variant_id == variants.c.variant_id)
        .scalar_subquery()
        .label("seen")
    )
    said = (
        select(func.count())
        .select_from(comments)
        .where(comments.c.variant_id == variants.c.variant_id)
        .scalar_subquery()
        .label("comments")
    )
    table = variants.c
    return select(
        table.variant_id,
        table.body,
        table.state,
        table.prompt_adherence,
        table.reasons,
        table.error,
        table.clip,
        table.made_at,
        table.parent_id,
        key.label("key"),
        seen,
        said,
    )


def _membership(chosen: Filter) -> Iterator[ColumnElement[bool]]:
    wanted = {
        "campaign_id": chosen.campaign,
        "brief_id": chosen.brief,
        "placement": chosen.placement,
    }
    yield from (memberships.c[name] == value for name, value in wanted.items() if value)
    if chosen.locale:
        several = literal("|") + memberships.c.locale + literal("|")
        yield or_(memberships.c.locale == chosen.locale, several.contains(f"|{chosen.locale}|", autoescape=True))


def _conditions(chosen: Filter, small: bool) -> Iterator[ColumnElement[bool]]:
    table = variants.c
    yield from _belonging(chosen, small)
    if chosen.states:
        if unknown := set(chosen.states) - set(STATES):
            raise CatalogueError(f"Unknown state {min(unknown)!r}. Use {any_of(STATES)}.")
        yield table.state.in_(chosen.states) if len(chosen.states) > 1 else table.state == chosen.states[0]
    yield from _judged(chosen)
    for bound, condition in (
        (chosen.lowest, by_score >= (chosen.lowest or 0.0)),
        (chosen.highest, and_(by_score <= (chosen.highest or 0.0), by_score >= -1.0)),
        (chosen.since, by_made >= (chosen.since or 0.0)),
        (chosen.until, and_(by_made < (chosen.until or 0.0), by_made > 0.0)),
        (chosen.seed, table.seed == chosen.seed),
    ):
        if bound is not None:
            yield condition
    if chosen.model:
        yield table.card == chosen.model
    if chosen.parent:
        yield table.parent_id == chosen.parent
    if chosen.text.strip():
        fits = and_(*(table.prompt.icontains(word, autoescape=True) for word in words_of(chosen.text)))
        yield or_(fits, table.variant_id.startswith(chosen.text.strip().lower(), autoescape=True))
    if chosen.reviewed:
        said = exists().where(reviews.c.variant_id == table.variant_id, reviews.c.undone_at.is_(None))
        yield said if chosen.reviewed == "yes" else ~said


def _by_metadata(connection: Connection, chosen: Filter) -> list[ColumnElement[bool]]:
    return [metadata_condition(connection, chosen.details, chosen.campaign)] if chosen.details.strip() else []


def _belonging(chosen: Filter, small: bool) -> Iterator[ColumnElement[bool]]:
    member = list(_membership(chosen))
    if member and small:
        yield variants.c.variant_id.in_(select(memberships.c.variant_id).where(*member))
    elif member:
        yield exists().where(memberships.c.variant_id == variants.c.variant_id, *member)


def _judged(chosen: Filter) -> Iterator[ColumnElement[bool]]:
    reasons = variants.c.reasons
    if chosen.verdict not in ("", "passed", "failed"):
        raise CatalogueError(f"Unknown verdict {chosen.verdict!r}. Use passed or failed.")
    if chosen.verdict:
        yield reasons == "[]" if chosen.verdict == "passed" else and_(reasons.is_not(None), reasons != "[]")
    if chosen.reason:
        yield reasons.contains(f"[{json.dumps(chosen.reason)},", autoescape=True)


def _beyond(key: ColumnElement[float], cursor: str, descending: bool) -> ColumnElement[bool]:
    value, _, variant_id = cursor.partition("~")
    try:
        number = float(value)
    except ValueError:
        number = nan
    if not isfinite(number):
        raise CatalogueError(f"Invalid cursor {cursor!r}. Start at the first page.")
    place = tuple_(literal(number, Float()), literal(variant_id))
    here = tuple_(key, variants.c.variant_id)
    return here < place if descending else here > place


def _turned(column: Any, descending: bool) -> UnaryExpression[Any]:
    result: UnaryExpression[Any] = column.desc() if descending else column.asc()
    return result


def _page(rows: Sequence[GalleryRow], limit: int, *, cursor: str | None, backwards: bool) -> GalleryPage:
    more, kept = len(rows) > limit, tuple(rows[:limit])
    if backwards:
        kept = kept[::-1]
    if not kept:
        return GalleryPage((), None, None)
    first, last = kept[0].cursor, kept[-1].cursor
    if backwards:
        return GalleryPage(kept, last, first if more else None)
    return GalleryPage(kept, last if more else None, first if cursor else None)


def _rows(connection: Connection, query: Select[Any]) -> list[GalleryRow]:
    rows = connection.execute(query).all()
    member, places = memberships.c, defaultdict[str, list[str]](list)
    labelled = defaultdict[str, list[tuple[Brief, list[tuple[str, str]]]]](list)
    for at in connection.execute(
        select(member.variant_id, member.brief_id, member.placement, member.locale, member.labels, briefs.c.body)
        .join(briefs, and_(briefs.c.campaign_id == member.campaign_id, briefs.c.brief_id == member.brief_id))
        .where(member.variant_id.in_([row.variant_id for row in rows]))
        .order_by(member.ordinal)
    ):
        places[at.variant_id].append(" · ".join(filter(None, (at.brief_id, at.placement, at.locale))))
        labelled[at.variant_id].append((brief_from(at.body), json.loads(at.labels)))
    return [
        _row(row, tuple(dict.fromkeys(places[row.variant_id])), clip_metadata(labelled[row.variant_id])) for row in rows
    ]


def _row(row: Any, places: tuple[str, ...], metadata: Metadata) -> GalleryRow:
    return GalleryRow(
        row.variant_id,
        variant_from(row.body),
        row.state,
        row.prompt_adherence,
        reasons_in(row.reasons),
        row.error,
        machine_of(row.clip),
        number_in(row.made_at),
        row.parent_id,
        row.seen or 0,
        row.comments,
        row.key,
        places,
        metadata,
    )
