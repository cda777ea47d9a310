"""Prune the staging folder of this machine by age, except for files that a clip may still need."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from adapters.catalogue.core.database import batches
from adapters.catalogue.views.files import StagedRow
from manifests.states import State
from tasks.runtime.files.staging import FETCHED, MASTER, ORIGINAL, SIGNED, SOUND
from tasks.sweep.context import Sweep
from tasks.sweep.removal import age_of, name_of, remove

SETTLED = frozenset({State.PUBLISHED, State.REJECTED, State.WITHDRAWN})
"""States in which the master is no longer needed; posters are kept for reviewers."""
UNSENT = frozenset({State.SIGNING, State.QUARANTINED})
"""States from which signed files may still be uploaded."""
AT_ONCE = 200
"""Folders per query to the catalogue; small, so that its answer is still current when it is used."""
_ID = re.compile(r"[0-9a-f]{32}")


def prune_staging(sweep: Sweep) -> None:
    """Delete folders of ended signings, unfinished files, old masters, and folders of unknown variants."""
    unknown: list[Path] = []
    known = 0
    for folders in batches(_folders(sweep.resources.staging), AT_ONCE):
        rows = sweep.catalogue.files.staged(folder.name for folder in folders)
        known += len(rows)
        unknown += [folder for folder in folders if folder.name not in rows and age_of(folder) > sweep.options.grace_s]
        for folder in folders:
            if row := rows.get(folder.name):
                _prune(sweep, folder, row)
    _remove_unknown(sweep, unknown, sweep.options.allows(len(unknown), known))


def _remove_unknown(sweep: Sweep, folders: Sequence[Path], allowed: bool) -> None:
    for some in batches(folders, AT_ONCE):
        rows = sweep.catalogue.files.staged(
            folder.name for folder in some
        )  # a sheet may have been registered in the meantime
        for folder in some:
            if folder.name in rows:
                continue
            if allowed:
                remove(sweep, "unknown-folder", folder)
            else:
                sweep.notes.add("unknown-left", name_of(sweep, folder))


def is_settled(sweep: Sweep, row: StagedRow) -> bool:
    """Return whether the master is no longer needed; it may be needed to replace damaged or missing files."""
    return (
        row.state in SETTLED
        and not row.is_held
        and row.quiet_s > sweep.options.keep_s
        and row.variant_id not in sweep.damaged
        and row.campaign_id not in sweep.uncompared
    )


def _folders(staging: Path) -> Iterator[Path]:
    for folder in sorted(staging.glob("[0-9a-f][0-9a-f]/*")):
        if _ID.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
            yield folder


def _prune(sweep: Sweep, folder: Path, row: StagedRow) -> None:
    grace_s, keep_s = sweep.options.grace_s, sweep.options.keep_s
    for signed in folder.glob(f"{SIGNED}*"):
        if not row.is_held and not _awaits_upload(signed, row) and age_of(signed) > grace_s:
            remove(sweep, "signed-folder", signed)
    for part in (*folder.rglob(".*.part"), *folder.glob(f"*-{FETCHED}")):
        if part.is_file() and age_of(part) > grace_s:
            remove(sweep, "partial", part)
    for kind, file in (("master", folder / MASTER), ("sound", folder / SOUND), ("original", folder / ORIGINAL)):
        if file.is_file() and is_settled(sweep, row) and age_of(file) > keep_s:
            remove(sweep, kind, file)


def _awaits_upload(signed: Path, row: StagedRow) -> bool:
    return row.state in UNSENT and row.signed_path is not None and row.signed_path.parent.name == signed.name
