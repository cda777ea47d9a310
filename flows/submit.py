"""Submit a sheet: the only entry point for the command line, the dashboard, the watcher and the campaign flow."""

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from adapters.inbox.s3_objects import S3Objects
from adapters.web import GuardedFetcher
from flows.registration import check_disks, register
from flows.settings import Settings
from flows.start_checks import changes_of, check_start
from manifests.brief import Brief
from manifests.finish.asset import Asset
from manifests.finish.kit import kit_in
from manifests.sheet.reading import DETECT, ReadingOptions
from tasks.intake.finishing.finishing import Finishing
from tasks.intake.finishing.sources import FinishSources
from tasks.intake.intake import (
    Intake,
    check_default_card,
    raise_for_errors,
    raise_for_unavailable,
    validate_sheet,
)
from tasks.intake.pictures import KeptPictures
from tasks.intake.prompt_length import PromptLengths
from tasks.intake.remote_pictures import Progress, RemotePictures
from tasks.intake.remote_sources import RemoteSources
from tasks.intake.sources.sheet_fetch import s3_url, sheet_file
from tasks.intake.sources.sheet_store import SheetStore
from tasks.plan.licence import unattested_sound
from tasks.runtime.files.assets import AssetStore
from tasks.runtime.files.first_frames import FirstFrames
from tasks.runtime.files.shared_staging import fetch_staged
from tasks.runtime.providers.speech import sound_tools_of
from tasks.runtime.resources import Resources, assets_of, cards_of, catalogue_of, first_frames_of, scorers_of

log = logging.getLogger(__name__)


class Submission(NamedTuple):
    """A registered campaign and the sheet that it was read from."""

    campaign_id: str
    intake: Intake


def submit(
    settings: Settings,
    resources: Resources,
    sheet: Path,
    *,
    accept_good_rows: bool = False,
    sample_size: int | None = None,
    reading: ReadingOptions = DETECT,
    wait_for_pictures: bool = False,
    on_download: Progress | None = None,
    will_run: bool = False,
) -> Submission:
    """Read and check a sheet, register its campaign, and keep a copy of the sheet. The caller starts the campaign.

    Submitting the same sheet again is harmless: the campaign's id is a hash of the sheet.

    Args:
        accept_good_rows: leave rows with errors out instead of refusing the sheet.
        sample_size: register this many variants only, spread over the campaign.
        reading: tab, encoding and hidden rows to read.
        wait_for_pictures: do not refuse a sheet because its pictures cannot be downloaded now; the caller tries again.
        on_download: called after each download of a picture.
        will_run: the caller runs the campaign now; if its models cannot be used, it is not registered.

    Raises:
        ModelError: ``will_run`` is true, and a model cannot be used.
        UnknownCardError: the default model card does not exist.
        PicturesUnavailableError: pictures cannot be downloaded now, and ``wait_for_pictures`` is true.
        SheetError: the sheet is unreadable, or it has errors and ``accept_good_rows`` is false.
        PlanError, SettingsError, BucketError, CredentialError, DiskFullError: see ``register``.
    """
    intake = read_sheet(settings, resources, sheet, reading, on_download=on_download)
    if wait_for_pictures:
        raise_for_unavailable(intake)
    raise_for_errors(intake, accept_good_rows)
    check_disks(settings, resources, ())  # before the catalogue is opened or created on a full disk
    if will_run:
        check_start(settings, resources, intake, sample_size)
    for notice in changes_of(settings, resources, intake):
        log.warning("%s", notice)
    campaign_id = register(settings, resources, intake, sample_size, reading)
    SheetStore(settings.home).keep(campaign_id, intake.table.path)
    return Submission(campaign_id, intake)


def read_sheet(
    settings: Settings,
    resources: Resources,
    sheet: Path,
    reading: ReadingOptions = DETECT,
    *,
    on_download: Progress | None = None,
) -> Intake:
    """Read and check a sheet without registering anything; errors and warnings are in ``checked``.

    A missing picture is replaced by the copy that an earlier run of the sheet has kept. Pictures that the sheet names
    by URL are downloaded and kept.

    Args:
        on_download: called after each download of a picture.

    Raises:
        UnknownCardError: the default model card does not exist.
        UnreadableSheetError: the file is not a sheet.
    """
    cards = cards_of(resources)
    check_default_card(settings.model, cards)
    sheet = local_copy(settings, resources, sheet)
    confined = SheetStore(settings.home).is_upload(sheet)
    kept = KeptPictures(first_frames_of(resources), lambda: _earlier_briefs(resources, sheet.stem))
    lengths = PromptLengths(cards, scorers_of(resources), settings.model, resources.weights_root)
    remote = RemotePictures(
        FirstFrames(resources.first_frames),
        sheet.stem,
        _sources(settings, resources, sheet),
        on_progress=on_download,
    )
    return validate_sheet(
        sheet,
        cards,
        settings.model,
        kept,
        want_scope=settings.want_scope,
        confined=confined,
        reading=reading,
        lengths=lengths,
        remote=remote,
        staged=partial(_staged_clip, resources),
        finishing=Finishing(_finish_sources(settings, resources, sheet, confined)),
    )


def _finish_sources(settings: Settings, resources: Resources, sheet: Path, confined: bool) -> FinishSources:
    """Return where finishing finds its templates, brand kit and sounds; files are kept on this machine only."""
    return FinishSources(
        sheet.parent,
        settings.home,
        AssetStore(assets_of(resources).root),
        settings.brand,
        settings.finish,
        confined=confined or SheetStore(settings.home).is_kept(sheet),
        tools=sound_tools_of(resources)._replace(unattested=partial(unattested_sound, resources)),
        earlier=partial(_earlier_assets, resources, sheet.stem),
    )


def _earlier_assets(resources: Resources, name: str) -> dict[str, Asset]:
    """Return the sound files of earlier campaigns of a sheet of this name by their names, the latest last."""
    found: dict[str, Asset] = {}
    for row in sorted(catalogue_of(resources).campaigns.all(), key=lambda row: row.created_at):
        if (row.name == name or row.name.startswith(f"{name} ")) and (kit := kit_in(row.settings)):
            found |= kit.assets
    return found


def _staged_clip(resources: Resources, variant_id: str) -> Path | None:
    """Return the file of a generated clip; None if it is unknown, or not stored on this machine or in the bucket."""
    if not resources.staging.is_dir():
        return None  # nothing was ever generated, and a sheet can be checked without a catalogue
    found = [row for row in catalogue_of(resources).variants.of_ids([variant_id]) if row.clip]
    here = fetch_staged(resources, found[0].clip) if found and found[0].clip else None
    return here.path if here else None


def _sources(settings: Settings, resources: Resources, sheet: Path) -> RemoteSources | None:
    """Return where a sheet may read pictures from; None for the copy of a registered campaign's sheet."""
    store, bucket = SheetStore(settings.home), resources.bucket
    if store.is_kept(sheet):
        return None  # its pictures are kept as well, and its origin is not known
    objects = S3Objects(
        endpoint=bucket.endpoint, region=bucket.region, access_key=bucket.access_key, secret_key=bucket.secret_key
    )
    return RemoteSources(GuardedFetcher(), objects, settings.picture_prefixes if store.is_upload(sheet) else None)


def local_copy(settings: Settings, resources: Resources, sheet: Path) -> Path:
    """Return the path of a sheet; a sheet in a bucket (``s3://bucket/key``) is downloaded and kept like an upload.

    Raises:
        UnreadableSheetError: there is no such object.
        BucketError: the bucket cannot be read.
    """
    url = s3_url(sheet)
    if not url:
        return sheet
    store = SheetStore(settings.home)
    with sheet_file(resources, url) as found:
        return store.uploads / store.add_upload(found.name, found.read_bytes(), {}) / found.name


def _earlier_briefs(resources: Resources, name: str) -> Iterator[Brief]:
    """Yield the briefs of all campaigns registered from a sheet of this name, the latest last."""
    if not resources.first_frames.is_dir():
        return  # no picture was ever kept, and a sheet can be checked without a catalogue
    catalogue = catalogue_of(resources)
    for row in sorted(catalogue.campaigns.all(), key=lambda row: row.created_at):
        if row.name == name or row.name.startswith(f"{name} "):  # the name of a chosen tab follows the file's name
            yield from catalogue.campaigns.briefs(row.campaign_id)
