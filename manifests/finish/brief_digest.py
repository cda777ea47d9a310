"""Digests of finished briefs, which are stored with the campaign's sealed settings.

The texts of deliverables are those of the briefs. Someone who can write to the database could change them there; the
digests show it before a deliverable is planned.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict

from manifests.brief import Brief

FINISHED_BRIEFS = "finished_briefs"
"""Key under which the digests are stored with a campaign's settings."""


def digests_of(briefs: Iterable[Brief]) -> dict[str, str]:
    """Return the digest of each brief whose clips are finished, by its id."""
    return {brief.brief_id: digest_of(brief) for brief in briefs if brief.is_finished}


def digest_of(brief: Brief) -> str:
    """Return the SHA-256 of everything that a brief contains, as hex digits."""
    return hashlib.sha256(json.dumps(asdict(brief), sort_keys=True).encode()).hexdigest()
