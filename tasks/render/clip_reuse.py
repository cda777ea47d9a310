"""Use the frames of another campaign's clip again, if its variant has the same pixels."""

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from adapters.catalogue import Catalogue, Lease
from manifests.clip import Clip
from manifests.variant import Variant
from tasks.runtime.files.staging import ORIGINAL, SOUND, Staging, disk_full_errors, is_intact, is_own_file
from tasks.runtime.resources import Resources


def reused_clips(resources: Resources, catalogue: Catalogue, leases: Iterable[Lease]) -> dict[str, Clip]:
    """Stage clips for variants whose pixels exist on this machine, and return them by variant id.

    They cost no device time. Variants that campaigns share are left out, and so are clips of other machines.
    """
    owned = {lease.variant.shared: lease for lease in leases if lease.variant.campaign_id and lease.row.clip is None}
    if not owned:
        return {}
    seeds, prompts = ({getattr(each, name) for each in owned} for name in ("seed", "prompt"))
    clips: dict[str, Clip] = {}
    for row in catalogue.variants.with_clips(seeds, prompts):
        lease = owned.get(row.variant.shared)
        is_genuine = row.variant.variant_id == row.variant_id  # otherwise the files are of other pixels
        if lease and row.clip and is_genuine and lease.variant_id not in clips:
            clips |= {clip.variant_id: clip for clip in _staged(resources, row.clip, lease.variant_id)}
    return clips


def without_reusable(catalogue: Catalogue, wanted: Sequence[Variant]) -> list[Variant]:
    """Return the variants whose pixels no clip of the catalogue has. Files are not read."""
    seeds, prompts = ({getattr(each, name) for each in wanted} for name in ("seed", "prompt"))
    there = {row.variant.shared for row in catalogue.variants.with_clips(seeds, prompts)}
    return [each for each in wanted if each.shared not in there]


def _staged(resources: Resources, clip: Clip, variant_id: str) -> Iterator[Clip]:
    """Yield the clip as one of another variant, if its files are intact on this machine."""
    staging = Staging(resources.staging)
    source = staging.located(clip)
    if clip.machine != resources.machine or not is_intact(source.path, clip.sha256) or not is_own_file(source.poster):
        return
    cost_micros = 0 if clip.provider else None  # a clip that is used again costs nothing
    target = staging.located(replace(clip, variant_id=variant_id, device_seconds=0.0, cost_micros=cost_micros))
    with disk_full_errors(staging.folder(variant_id)):
        _link(source.path, target.path)
        _link(source.poster, target.poster)
        if sound := staging.sound_of(source):
            _link(sound, target.path.with_name(SOUND))
        if original := staging.original_of(source):
            _link(original, target.path.with_name(ORIGINAL))
    if _is_complete(staging, target):
        yield target


def _is_complete(staging: Staging, clip: Clip) -> bool:
    sound, original = staging.sound_of(clip), staging.original_of(clip)
    return (
        is_intact(clip.path, clip.sha256)
        and (sound is None or is_intact(sound, clip.sound_sha256))
        and (original is None or is_intact(original, clip.original_sha256))
    )


def _link(source: Path, target: Path) -> None:
    """Link a file, or copy it if the file system has no hard links. Staged files are replaced, never modified."""
    target.unlink(missing_ok=True)
    with suppress(FileNotFoundError):  # pruned meanwhile; the caller checks the result
        try:
            os.link(source, target)
        except FileNotFoundError:
            raise
        except OSError:
            shutil.copyfile(source, target)
