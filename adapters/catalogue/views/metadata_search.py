"""Find clips by the metadata of their rows: locale, call to action, notes and the sheet's own columns."""

import json
import re
from collections.abc import Iterable, Sequence
from itertools import chain

from sqlalchemy import ColumnElement, Connection, and_, exists, false, or_, select, tuple_

from adapters.catalogue.core.database import batches
from adapters.catalogue.core.rows import brief_from, to_text
from adapters.catalogue.core.tables import briefs, memberships, variants
from manifests.brief import Brief
from manifests.clip_metadata import clip_metadata
from manifests.errors import CatalogueError

WORDS = re.compile(r'"([^"]+)"|(\S+)')
"""A quoted phrase or a word."""
MAX_FOUND = 5_000
"""Maximum number of combinations of a row that match; each needs three parameters of the query."""
_Key = tuple[str, str, str]


def words_of(text: str) -> list[str]:
    """Return the words and quoted phrases of a search text."""
    return [quoted or word for quoted, word in WORDS.findall(text)]


def metadata_condition(connection: Connection, text: str, campaign: str = "") -> ColumnElement[bool]:
    """Return the condition of the variants whose metadata contain all words, regardless of case.

    The database finds the rows that contain the words anywhere; their columns are then compared here, because a body
    is JSON, and because a clip has only some values of its row.

    Args:
        campaign: only rows of this campaign; empty for all campaigns.

    Raises:
        CatalogueError: too many rows match.
    """
    words = words_of(text)
    keys: list[_Key] = []
    for batch in batches(list(_candidates(connection, words, campaign)), 500):
        keys += _matching(connection, dict(batch), words)
        if len(keys) > MAX_FOUND:
            raise CatalogueError(
                f"{text!r} matches more than {MAX_FOUND:,} rows of sheets. Choose a campaign, or enter more text."
            )
    if not keys:
        return false()
    member = memberships.c
    here = tuple_(member.campaign_id, member.brief_id, member.labels).in_(keys)
    return exists().where(member.variant_id == variants.c.variant_id, here)


def _candidates(connection: Connection, words: Sequence[str], campaign: str) -> Iterable[tuple[tuple[str, str], Brief]]:
    """Yield the briefs in whose metadata all words occur, by campaign id and brief id."""
    query = select(briefs.c.campaign_id, briefs.c.brief_id, briefs.c.body).where(and_(*map(_written, words)))
    if campaign:
        query = query.where(briefs.c.campaign_id == campaign)
    for row in connection.execute(query):
        brief = brief_from(row.body)
        if _fits(clip_metadata([(brief, ())]).values(), words):
            yield (row.campaign_id, row.brief_id), brief


def _written(word: str) -> ColumnElement[bool]:
    """Return whether a body contains a word. In JSON, other letters than ASCII are escaped, so their case matters."""
    spellings = {word, word.lower(), word.upper(), word.title()}
    return or_(*(briefs.c.body.icontains(to_text(each)[1:-1], autoescape=True) for each in spellings))


def _matching(connection: Connection, found: dict[tuple[str, str], Brief], words: Sequence[str]) -> list[_Key]:
    """Return the combinations of briefs whose own values contain all words."""
    member = memberships.c
    query = (
        select(member.campaign_id, member.brief_id, member.labels)
        .where(tuple_(member.campaign_id, member.brief_id).in_(list(found)))
        .distinct()
    )
    return [
        (row.campaign_id, row.brief_id, row.labels)
        for row in connection.execute(query)
        if _fits(clip_metadata([(found[row.campaign_id, row.brief_id], json.loads(row.labels))]).values(), words)
    ]


def _fits(values: Iterable[Iterable[str]], words: Sequence[str]) -> bool:
    texts = [value.casefold() for value in chain.from_iterable(values)]
    return all(any(word.casefold() in text for text in texts) for word in words)
