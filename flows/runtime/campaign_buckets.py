"""Find the buckets of all campaigns: each campaign keeps the bucket that it was registered with."""

from collections import defaultdict
from typing import Any

from flows.runtime.resources import resources_of
from flows.settings import load_settings
from tasks.runtime.resources import Resources, catalogue_of
from tasks.sweep.context import SweepTarget

BUCKET = ("bucket", "bucket_endpoint", "bucket_region", "bucket_public_url")


def sweep_targets(resources: Resources, **overrides: Any) -> tuple[SweepTarget, ...]:
    """Return every bucket with its campaigns; the stored settings of a campaign take precedence over the overrides."""
    by_settings: defaultdict[tuple[Any, ...], set[str]] = defaultdict(set)
    for row in catalogue_of(resources).campaigns.all():
        by_settings[tuple((name, row.settings[name]) for name in BUCKET if name in row.settings)].add(row.campaign_id)
    by_bucket: dict[tuple[str, str | None], Resources] = {}
    campaigns: defaultdict[tuple[str, str | None], set[str]] = defaultdict(set)
    for kept, names in by_settings.items():
        own = resources_of(load_settings(**overrides | dict(kept)))
        where = own.bucket.location.rstrip("/"), own.bucket.endpoint
        by_bucket.setdefault(where, own)
        campaigns[where] |= names
    return tuple(SweepTarget(by_bucket[where], frozenset(campaigns[where])) for where in sorted(by_bucket, key=str))
