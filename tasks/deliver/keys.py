"""Bucket keys of clips, deliverables and their companion files, built only from slugs and hashes."""

import re
from typing import NamedTuple

from adapters.bucket.base import is_key
from manifests.identity import slug

NOT_OF_CLIPS = frozenset({"audit", "staging", "inbox", "quarantine"})
"""Prefixes of other objects: anchors of the audit log, staged files, sheets, and files that the sweeper set aside."""


_OF_A_CLIP = re.compile(r"[^/]+/[^/]+/[0-9a-f]{12}-[0-9a-f]{16}\.(mp4|c2pa|jpg|json|srt|vtt)")


class Keys(NamedTuple):
    """The four objects of a published clip."""

    clip: str
    sidecar: str
    poster: str
    record: str


def keys_of(campaign_id: str, brief_id: str, variant_id: str, sha256: str) -> Keys:
    """Return the keys; ``sha256`` is that of the signed clip, so that the content of a key never changes."""
    stem = f"{campaign_id}/{slug(brief_id)}/{variant_id[:12]}-{sha256[:16]}"
    return Keys(f"{stem}.mp4", f"{stem}.c2pa", f"{stem}.jpg", f"{stem}.json")


def caption_key(key: str, ending: str) -> str:
    """Return the key of a caption file next to a deliverable's key; ``ending`` is ``srt`` or ``vtt``."""
    return f"{key.removesuffix('.mp4')}.{ending}"


def is_of_a_clip(key: str) -> bool:
    """Return whether a key looks like one of a clip or deliverable, of any catalogue."""
    return bool(_OF_A_CLIP.fullmatch(key)) and key.partition("/")[0] not in NOT_OF_CLIPS


def is_of_variant(key: str, variant_id: str) -> bool:
    """Return whether a key can be that of an object of a variant, or of a deliverable with this id.

    It names the variant, and has the prefix of a campaign.

    Everyone who can write to the database can write keys into it. They are checked before an object is shown or
    deleted.
    """
    prefix, _, rest = key.partition("/")
    return is_key(key) and prefix not in NOT_OF_CLIPS and rest.rpartition("/")[2].startswith(variant_id[:12])
