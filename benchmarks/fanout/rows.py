"""Campaigns of any size, planned inside the database: a million rows in a minute or two."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import psycopg

from adapters.catalogue import open_catalogue
from adapters.catalogue.core.rows import to_text, variant_text
from manifests.brief import Brief
from manifests.campaign import Campaign
from manifests.variant import Variant

VARIANTS_A_BRIEF = 1_000
PROMPT = "a paper kite in many colours over a beach at dusk, seen from a dune, soft light, slow drift to the right, no"
SLICE = 50_000
WRITERS = 2


class Planned(NamedTuple):
    """A campaign. Its variants have the ids ``variant_id(campaign_id, number)`` for numbers below ``variants``."""

    campaign_id: str
    variants: int


def variant_id(campaign_id: str, number: int) -> str:
    """Return an id that is distributed like a content hash. The database calculates the same."""
    return hashlib.md5(f"{campaign_id}/{number}".encode(), usedforsecurity=False).hexdigest()


def fill(url: str, sizes: Sequence[int]) -> list[Planned]:
    """Create the tables in an empty database, plan a campaign of each size and return the campaigns."""
    found = []
    with open_catalogue(url) as catalogue:
        for index, size in enumerate(sizes):
            briefs = tuple(
                Brief(number, f"brief-{number}", (f"{PROMPT} {number}",))
                for number in range(-(-size // VARIANTS_A_BRIEF))
            )
            campaign = Campaign(f"fanout {index}", f"{index:064x}", briefs)
            catalogue.campaigns.add(campaign, {"review": "required"})
            found.append(Planned(campaign.campaign_id, size))
    slices = [
        (one.campaign_id, start, min(start + SLICE, one.variants))
        for one in found
        for start in range(0, one.variants, SLICE)
    ]
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda each: _fill_slice(url, *each), slices))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
    return found


def _fill_slice(url: str, campaign_id: str, start: int, stop: int) -> None:
    like = Variant("starter", "1", "PROMPT", "", 987654321, 90, 160, 17, 8, 16, 3.0)
    values = {
        "campaign": campaign_id,
        "start": start,
        "last": stop - 1,
        "body": variant_text(like),
        "prompt": PROMPT,
        "each": VARIANTS_A_BRIEF,
        "detail": to_text({"campaign_id": campaign_id}),
    }
    with psycopg.connect(url) as connection:
        connection.execute(_VARIANTS, values)
        connection.execute(_MEMBERSHIPS, values)
        connection.execute(_EVENTS, values)


_IDS = "md5(%(campaign)s || '/' || n) AS id, n FROM generate_series(%(start)s::int, %(last)s::int) AS n"
_VARIANTS = f"""
INSERT INTO variants (variant_id, body, state, attempt, tries, card, seed, prompt)
SELECT id, replace(replace(%(body)s, '987654321', n::text), 'PROMPT', %(prompt)s || ' ' || n / %(each)s),
       'planned', 0, 0, 'starter', n, %(prompt)s || ' ' || n / %(each)s
FROM (SELECT {_IDS}) AS numbers ORDER BY id"""  # noqa: S608
_MEMBERSHIPS = f"""
INSERT INTO memberships (campaign_id, brief_id, ordinal, variant_id, placement, labels)
SELECT %(campaign)s, 'brief-' || n / %(each)s, n, id, 'web 16:9', '[]' FROM (SELECT {_IDS}) AS numbers"""  # noqa: S608
_EVENTS = f"""
INSERT INTO events (variant_id, at, actor, to_state, detail)
SELECT id, extract(epoch FROM clock_timestamp()), 'system', 'planned', %(detail)s
FROM (SELECT {_IDS}) AS numbers"""  # noqa: S608
