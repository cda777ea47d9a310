"""Watch a folder or prefix: start one campaign per sheet content and write a receipt next to each sheet."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from adapters.catalogue import Catalogue
from adapters.catalogue.messages.sheet_imports import ACCEPTED, REFUSED, TAKEN
from adapters.inbox import Inbox, InboxFile
from manifests.errors import PlanError, ReelmillError, SheetError
from manifests.pluralize import count_of
from manifests.sheet.cells import clean
from tasks.intake.intake import SheetProblemsError
from tasks.intake.sheet_snapshot import SheetSnapshot, SheetTooLargeError, snapshot_sheet
from tasks.intake.sheet_store import PICTURE_SUFFIXES, SHEET_SUFFIXES
from tasks.runtime.lease_owner import current_owner, is_dead
from tasks.runtime.redaction import redact
from tasks.watch.annotated_copy import annotated_base, annotated_workbook, is_unchanged_copy, write_annotated_copy
from tasks.watch.receipt import (
    RECEIPT,
    SHOWN,
    Receipt,
    candidate_names,
    read_receipt,
    receipt_names,
    short_name,
    update_stamps,
    write_receipt,
)

log = logging.getLogger(__name__)
_RECEIPTS = tuple(candidate_names("", *RECEIPT))
"""Ends of the names of receipts, which are JSON files but no sheets."""
SETTLED_S = 60.0
"""A file is complete if it has not changed for this long, or between two polls."""
CLAIM_TIMEOUT_S = 900.0
"""A claim of another watcher expires after this time; registering a million variants takes minutes."""
DEAD_CLAIM_TIMEOUT_S = 3.0
"""A claim of a dead watcher expires after this time. It is not zero, so that only one of two watchers claims it."""
RECENT_SHEETS = 200
"""Number of recent sheets whose campaigns are restarted if necessary."""


class CampaignStarter(Protocol):
    """Submits sheets and starts their campaigns."""

    def submit(self, sheet: Path) -> str:
        """Check a sheet, register its campaign and return the campaign's id; calling it twice is harmless."""
        ...

    def start(self, campaign_id: str) -> bool:
        """Start a campaign unless it is running; return False if it has ended and must not be started again."""
        ...

    def link(self, campaign_id: str) -> str:
        """Return the URL of the campaign's page; empty if it is not known."""
        ...


class Watch:
    """The watcher of one place. What it keeps in memory is only a cache; a new watcher gets the same results.

    Attributes:
        has_pending: the last poll left sheets for the next one.
    """

    def __init__(self, inbox: Inbox, catalogue: Catalogue, starter: CampaignStarter, uploads: Path) -> None:
        self._inbox = inbox
        self._catalogue = catalogue
        self._starter = starter
        self._uploads = uploads
        self._stamps: dict[str, str] = {}
        self._found: dict[str, str] = {}
        self._done: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
        self._copies: dict[str, dict[str, str]] = {}
        self._seen: dict[str, str] = {}
        self._closed: set[str] = set()
        self._reported: dict[str, str] = {}
        self._lines: list[str] = []
        self.has_pending = False

    def poll(self) -> list[str]:
        """Submit new sheets, restart accepted campaigns if necessary, and return messages for people.

        Raises:
            BucketError: the place cannot be listed; the next poll may succeed.
            CatalogueError: the catalogue is not available.
        """
        self._lines, self.has_pending = [], False
        found = self._inbox.list_files()
        self._found = {each.name: each.stamp for each in found}
        pictures = [each for each in found if each.name.lower().endswith(PICTURE_SUFFIXES)]
        whole = {each.name for each in found if self._is_whole(each)}
        sheets = [
            each
            for each in found
            if each.name.lower().endswith(SHEET_SUFFIXES) and not each.name.lower().endswith(_RECEIPTS)
        ]
        waiting: set[str] = set()
        for sheet in sorted(sheets, key=lambda each: len(annotated_base(each.name))):  # copies after their sheets
            # A file can be recognised as an annotated copy only after its sheet has a receipt.
            if annotated_base(sheet.name) in waiting or not self._process(sheet, pictures, whole):
                waiting.add(short_name(sheet.name))
        self.has_pending = bool(waiting)
        self._stamps = self._found
        self._restart_accepted()
        return self._lines

    def _is_whole(self, file: InboxFile) -> bool:
        return file.age_s is None or file.age_s >= SETTLED_S or self._stamps.get(file.name) == file.stamp

    def _process(self, sheet: InboxFile, pictures: list[InboxFile], whole: set[str]) -> bool:
        """Process a sheet; return False if it is still changing or has to be retried."""
        try:
            return (
                self._is_annotated_copy(sheet)
                or self._is_done(sheet, pictures)
                or (sheet.name in whole and self._import(sheet, pictures, whole))
            )
        except Exception as error:  # noqa: BLE001 - an error with one sheet must not stop the others
            self._report(sheet.name, f"{sheet.name} will be retried. {_sentence(error)}")
            return False

    def _is_annotated_copy(self, sheet: InboxFile) -> bool:
        """Return whether a file is an unchanged annotated copy; checked again if it or the receipt changed."""
        if not (base := annotated_base(sheet.name)):
            return False
        stamps = {sheet.name: sheet.stamp, **self._receipts(base)}
        if self._copies.get(sheet.name) != stamps:
            if not is_unchanged_copy(self._inbox, sheet.name):
                return False
            self._copies[sheet.name] = stamps
        return True

    def _is_done(self, sheet: InboxFile, pictures: list[InboxFile]) -> bool:
        """Return whether the sheet in its current state already has a final receipt."""
        seen, receipts = self._done.get(sheet.name, ({}, {}))
        if not receipts or receipts != self._receipts(sheet.name):
            seen, receipts = self._recorded_stamps(sheet), self._receipts(sheet.name)
        self._done[sheet.name] = seen, receipts
        return bool(seen) and seen == {sheet.name: sheet.stamp, **_stamps(seen.keys() - {sheet.name}, pictures)}

    def _receipts(self, sheet: str) -> dict[str, str]:
        """Return the stamps of all files that can be the receipt of a sheet."""
        return {name: self._found[name] for name in receipt_names(sheet) if name in self._found}

    def _import(self, sheet: InboxFile, pictures: list[InboxFile], whole: set[str]) -> bool:
        """Copy a sheet and process its content; return False if it has to be retried."""
        try:
            snapshot = snapshot_sheet(self._inbox, sheet, pictures, self._uploads)
        except SheetTooLargeError as error:
            self._seen = {sheet.name: sheet.stamp}
            self._write_receipt(Receipt("refused", sheet.name, "", str(error), errors=(str(error),)))
            return True
        if snapshot is None:
            return True
        self._seen = {sheet.name: sheet.stamp, **_stamps(snapshot.named, pictures)}
        return whole.issuperset(snapshot.pictures) and self._resolve(snapshot)

    def _recorded_stamps(self, sheet: InboxFile) -> dict[str, str]:
        """Return the stamps in a final receipt; a flow run starts without the memory of earlier watchers."""
        receipt = read_receipt(self._inbox, sheet.name) or {}
        seen = receipt.get("seen")
        if receipt.get("state") not in (ACCEPTED, REFUSED) or not isinstance(seen, dict):
            return {}
        return {str(name): str(stamp) for name, stamp in seen.items()}

    def _resolve(self, snapshot: SheetSnapshot) -> bool:
        """Process the content of a sheet; return False if another watcher has it or it has to be retried."""
        if self._claim(snapshot):
            return self._submit(snapshot)
        record = self._catalogue.sheet_imports.get(snapshot.sha256)
        if record is None or record.state == TAKEN:
            return False
        if record.state == ACCEPTED and record.campaign_id:
            self._report_accepted(snapshot, record.campaign_id, first=record.name == snapshot.name)
            return True
        # Without its receipt the sheet is submitted again, because its error may have been fixed outside the sheet.
        receipt = read_receipt(self._inbox, snapshot.name)
        if not _matches(receipt, REFUSED, snapshot):
            return self._submit(snapshot)
        update_stamps(self._inbox, snapshot.name, self._seen)
        return True

    def _claim(self, snapshot: SheetSnapshot) -> bool:
        """Claim the content; return whether this watcher has to process it."""
        record, timeout_s = self._catalogue.sheet_imports.get(snapshot.sha256), CLAIM_TIMEOUT_S
        if record and record.state == TAKEN:
            if record.owner == current_owner():
                return True  # claimed by an earlier poll, which could not release it
            timeout_s = DEAD_CLAIM_TIMEOUT_S if is_dead(record.owner) else CLAIM_TIMEOUT_S
        return self._catalogue.sheet_imports.claim(
            snapshot.sha256, snapshot.name, self._inbox.place, current_owner(), timeout_s
        )

    def _submit(self, snapshot: SheetSnapshot) -> bool:
        """Submit and start the claimed content; release it if an error was not caused by the sheet."""
        try:
            campaign_id = self._try_submit(snapshot)
        except Exception as error:  # noqa: BLE001 - after any error, the sheet must be retried
            self._catalogue.sheet_imports.release(snapshot.sha256, _sentence(error))
            self._write_receipt(
                Receipt(
                    "waiting", snapshot.name, snapshot.sha256, f"{_sentence(error)} The sheet is retried automatically."
                )
            )
            return False
        if campaign_id:
            self._report_accepted(snapshot, campaign_id, first=True)
        return True

    def _try_submit(self, snapshot: SheetSnapshot) -> str:
        """Return the campaign's id; if the sheet is refused, write the receipt and return an empty string."""
        try:
            campaign_id = self._starter.submit(snapshot.path)
        except (SheetError, PlanError) as error:
            receipt = self._refusal(snapshot, error)
            self._write_receipt(receipt)
            self._catalogue.sheet_imports.finish(snapshot.sha256, REFUSED, detail=receipt.message)
            return ""
        self._catalogue.sheet_imports.finish(snapshot.sha256, ACCEPTED, campaign_id=campaign_id)
        return campaign_id

    def _refusal(self, snapshot: SheetSnapshot, error: Exception) -> Receipt:
        """Return the receipt of a refused sheet; if cells have errors, write an annotated copy as well."""
        intake = error.intake if isinstance(error, SheetProblemsError) else None
        problems = intake.checked.problems if intake else ()
        if intake is None or not problems:
            return Receipt("refused", snapshot.name, snapshot.sha256, str(error), errors=(str(error),))
        marked, digest = write_annotated_copy(self._inbox, snapshot.name, annotated_workbook(intake))
        return Receipt(
            "refused",
            snapshot.name,
            snapshot.sha256,
            f"The sheet has {count_of(len(problems), 'error')}. Nothing was started. Fix the sheet and save it here "
            f"again. {marked} marks the cells with errors.",
            marked=marked,
            left={marked: digest},
            errors=tuple(problem.sentence for problem in problems[:SHOWN]),
            warnings=tuple(warning.sentence for warning in intake.checked.warnings[:SHOWN]),
        )

    def _report_accepted(self, snapshot: SheetSnapshot, campaign_id: str, *, first: bool) -> None:
        """Start the campaign and write the receipt if it does not exist."""
        message = (
            "The campaign has started."
            if first
            else "The same content was submitted before, so no second campaign was started."
        )
        try:
            self._starter.start(campaign_id)
        except ReelmillError as error:
            message = f"The campaign has not started yet. {error} The start is retried automatically."
        receipt = read_receipt(self._inbox, snapshot.name)
        if not (
            _matches(receipt, ACCEPTED, snapshot)
            and receipt
            and receipt.get("campaign") == campaign_id
            and receipt.get("seen") == self._seen
        ):
            self._write_receipt(
                Receipt(
                    "accepted",
                    snapshot.name,
                    snapshot.sha256,
                    message,
                    campaign_id,
                    self._starter.link(campaign_id),
                    len(self._catalogue.campaigns.briefs(campaign_id)),
                    sum(self._catalogue.progress.tally(campaign_id).values()),
                )
            )

    def _restart_accepted(self) -> None:
        """Restart accepted campaigns whose run died, even if their sheet was deleted."""
        for record in self._catalogue.sheet_imports.all(RECENT_SHEETS):
            campaign_id = record.campaign_id
            if record.state != ACCEPTED or not campaign_id or campaign_id in self._closed:
                continue
            try:
                if not self._starter.start(campaign_id):
                    self._closed.add(campaign_id)
            except ReelmillError as error:
                self._report(campaign_id, f"The start of {campaign_id} will be retried. {error}")

    def _write_receipt(self, receipt: Receipt) -> None:
        name, wanted = write_receipt(self._inbox, replace(receipt, seen=self._seen)), next(receipt_names(receipt.sheet))
        if name != wanted:
            self._report(
                wanted,
                f"{wanted} was not written by Reelmill and is kept. The receipt of {receipt.sheet} is {name}.",
            )
        campaign = f" as {receipt.campaign}" if receipt.campaign else ""
        self._report(receipt.sheet, f"{receipt.sheet}: {receipt.state}{campaign}. {receipt.message}")

    def _report(self, what: str, line: str) -> None:
        """Add a message for people unless it repeats the last one about the same sheet or campaign."""
        line = "".join(sign if sign.isprintable() else "?" for sign in line)
        if self._reported.get(what) != line:
            self._reported[what] = line
            self._lines.append(line)
            log.info("%s", line)


def _stamps(named: Iterable[str], pictures: Iterable[InboxFile]) -> dict[str, str]:
    """Return the stamps of pictures by their names in the cells; empty for missing pictures."""
    there = {clean(each.name): each.stamp for each in pictures}
    return {name: there.get(name, "") for name in named}


def _matches(receipt: Mapping[str, object] | None, state: str, snapshot: SheetSnapshot) -> bool:
    return receipt is not None and receipt.get("state") == state and receipt.get("sha256") == snapshot.sha256


def _sentence(error: Exception) -> str:
    sentence = str(error) if isinstance(error, ReelmillError) else f"Unexpected error: {error!r}."
    return redact(sentence)  # everyone who can write to the watched place can read receipts
