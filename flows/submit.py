"""Submit a sheet: the only entry point for the command line, the dashboard, the watcher and the campaign flow."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from flows.registration import register
from flows.settings import Settings
from manifests.brief import Brief
from tasks.intake.intake import Intake, check_default_card, raise_for_errors, validate_sheet
from tasks.intake.pictures import KeptPictures
from tasks.intake.sheet_store import SheetStore
from tasks.runtime.resources import Resources, cards_of, catalogue_of, first_frames_of


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
) -> Submission:
    """Read and check a sheet, register its campaign, and keep a copy of the sheet. The caller starts the campaign.

    Submitting the same sheet again is harmless: the campaign's id is a hash of the sheet.

    Args:
        accept_good_rows: leave rows with errors out instead of refusing the sheet.
        sample_size: register this many variants only, spread over the campaign.

    Raises:
        UnknownCardError: the default model card does not exist.
        SheetError: the sheet is unreadable, or it has errors and ``accept_good_rows`` is false.
        PlanError, SettingsError, BucketError, CredentialError: see ``register``.
    """
    intake = read_sheet(settings, resources, sheet)
    raise_for_errors(intake, accept_good_rows)
    campaign_id = register(settings, resources, intake, sample_size)
    SheetStore(settings.home).keep(campaign_id, intake.table.path)
    return Submission(campaign_id, intake)


def read_sheet(settings: Settings, resources: Resources, sheet: Path) -> Intake:
    """Read and check a sheet without registering anything; errors and warnings are in ``checked``.

    A missing picture is replaced by the copy that an earlier run of the sheet has kept.

    Raises:
        UnknownCardError: the default model card does not exist.
        UnreadableSheetError: the file is not a sheet.
    """
    cards = cards_of(resources)
    check_default_card(settings.model, cards)
    confined = SheetStore(settings.home).is_upload(sheet)
    kept = KeptPictures(first_frames_of(resources), lambda: _earlier_briefs(resources, sheet.stem))
    return validate_sheet(sheet, cards, settings.model, kept, want_scope=settings.want_scope, confined=confined)


def _earlier_briefs(resources: Resources, name: str) -> Iterator[Brief]:
    """Yield the briefs of all campaigns registered from a sheet of this name, the latest last."""
    if not resources.first_frames.is_dir():
        return  # no picture was ever kept, and a sheet can be checked without a catalogue
    catalogue = catalogue_of(resources)
    for row in sorted(catalogue.campaigns.all(), key=lambda row: row.created_at):
        if row.name == name:
            yield from catalogue.campaigns.briefs(row.campaign_id)
