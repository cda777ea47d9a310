"""Bucket keys of a clip and its companion files, built only from slugs and hashes."""

from typing import NamedTuple

from manifests.identity import slug


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
