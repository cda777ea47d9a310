"""Prunes masters that wait in the bucket's ``staging/``; first frames and posters stay."""

import re
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from adapters.bucket import Entry
from adapters.catalogue.core.database import batches
from adapters.catalogue.views.files import StagedRow
from tasks.runtime.retry import retry_transient
from tasks.runtime.shared_staging import PREFIX
from tasks.sweep.prune import AT_ONCE, is_settled
from tasks.sweep.terms import Place, Sweep, bucket_at

_MASTER = re.compile(PREFIX + r"/[0-9a-f]{2}/(?P<variant_id>[0-9a-f]{32})/(?P<sha256>[0-9a-f]{64})\.mp4")


class SharedMaster(NamedTuple):
    """A master in the bucket."""

    variant_id: str
    sha256: str
    entry: Entry


def prune_shared(sweep: Sweep, place: Place) -> None:
    """Remove old masters of settled clips, and those that another attempt has replaced.

    Masters of variants that the catalogue does not know are another catalogue's, and left alone.
    """
    for masters in batches(_old_masters(sweep, place), AT_ONCE):
        rows = sweep.catalogue.files.staged({master.variant_id for master in masters})
        sweep.notes.look("foreign", sum(master.variant_id not in rows for master in masters))
        _remove(
            sweep,
            place,
            [
                master
                for master in masters
                if (row := rows.get(master.variant_id)) and _is_done_with(sweep, master, row)
            ],
        )


def _old_masters(sweep: Sweep, place: Place) -> Iterator[SharedMaster]:
    oldest = time.time() - sweep.terms.keep_s
    for entry in bucket_at(place).entries(f"{PREFIX}/"):
        if entry.modified < oldest and (found := _MASTER.fullmatch(entry.key)):
            yield SharedMaster(found["variant_id"], found["sha256"], entry)


def _is_done_with(sweep: Sweep, master: SharedMaster, row: StagedRow) -> bool:
    return is_settled(sweep, row) or (master.sha256 != row.clip_sha256 and not row.is_held)


def _remove(sweep: Sweep, place: Place, masters: Sequence[SharedMaster]) -> None:
    for master in masters:
        if not sweep.terms.dry_run:
            retry_transient(bucket_at(place).remove, master.entry.key)
        sweep.notes.add("shared-master", master.entry.key)
        sweep.notes.look("bytes", master.entry.size)
