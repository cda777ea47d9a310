"""Which bucket holds which campaigns: each keeps the one that it was registered with."""

from collections import defaultdict
from typing import Any

from flows.settings import load_settings
from flows.wiring import wiring_of
from tasks.sweeping.terms import Place
from tasks.wiring import Wiring, catalogue_of

BUCKET = ("bucket", "bucket_endpoint", "bucket_region", "bucket_public_url")


def places_of(wiring: Wiring, **overrides: Any) -> tuple[Place, ...]:
    """Return every bucket with its campaigns; what a campaign was registered with goes before the overrides."""
    by_settings: defaultdict[tuple[Any, ...], set[str]] = defaultdict(set)
    for row in catalogue_of(wiring).campaigns():
        by_settings[tuple((name, row.settings[name]) for name in BUCKET if name in row.settings)].add(row.campaign_id)
    wirings: dict[tuple[str, str | None], Wiring] = {}
    campaigns: defaultdict[tuple[str, str | None], set[str]] = defaultdict(set)
    for kept, names in by_settings.items():
        own = wiring_of(load_settings(**overrides | dict(kept)))
        where = own.bucket.location.rstrip("/"), own.bucket.endpoint
        wirings.setdefault(where, own)
        campaigns[where] |= names
    return tuple(Place(wirings[where], frozenset(campaigns[where])) for where in sorted(wirings, key=str))
