"""Prune masters under ``staging/`` in the bucket; first frames and posters are kept."""

import re
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from adapters.bucket import Entry
from adapters.catalogue.core.database import batches
from adapters.catalogue.views.files import StagedRow
from tasks.runtime.files.shared_staging import PREFIX
from tasks.sweep.context import Sweep, SweepTarget
from tasks.sweep.prune import AT_ONCE, is_settled

_MASTER = re.compile(
    PREFIX + r"/[0-9a-f]{2}/(?P<variant_id>[0-9a-f]{32})/(?P<sha256>[0-9a-f]{64})\.(?P<kind>mp4|flac|original)"
)


NOTES = {"mp4": "shared-master", "flac": "shared-sound", "original": "shared-original"}


class SharedMaster(NamedTuple):
    """A master, or the sound or original that belongs to it, under ``staging/`` in the bucket."""

    variant_id: str
    sha256: str
    kind: str
    entry: Entry


def prune_shared(sweep: Sweep, target: SweepTarget) -> None:
    """Delete old masters of settled clips, and masters that were replaced by another attempt.

    Masters of unknown variants belong to another catalogue and are ignored.
    """
    for masters in batches(_old_masters(sweep, target), AT_ONCE):
        rows = sweep.catalogue.files.staged({master.variant_id for master in masters})
        sweep.notes.count("unrelated", sum(master.variant_id not in rows for master in masters))
        _remove(
            sweep,
            target,
            [master for master in masters if (row := rows.get(master.variant_id)) and _is_obsolete(sweep, master, row)],
        )


def _old_masters(sweep: Sweep, target: SweepTarget) -> Iterator[SharedMaster]:
    oldest = time.time() - sweep.options.keep_s
    for entry in target.bucket.entries(f"{PREFIX}/"):
        if entry.modified < oldest and (found := _MASTER.fullmatch(entry.key)):
            yield SharedMaster(found["variant_id"], found["sha256"], found["kind"], entry)


def _is_obsolete(sweep: Sweep, master: SharedMaster, row: StagedRow) -> bool:
    made_for_row = {"mp4": row.clip_sha256, "flac": row.sound_sha256, "original": row.original_sha256}[master.kind]
    return is_settled(sweep, row) or (master.sha256 != made_for_row and not row.is_held)


def _remove(sweep: Sweep, target: SweepTarget, masters: Sequence[SharedMaster]) -> None:
    for master in masters:
        if not sweep.options.dry_run:
            target.bucket.remove(master.entry.key)
        sweep.notes.add(NOTES[master.kind], master.entry.key)
        sweep.notes.count("bytes", master.entry.size)
