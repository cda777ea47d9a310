"""Watch a folder or prefix: start one campaign per sheet content and write a receipt next to each sheet."""

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from adapters.catalogue import Catalogue
from adapters.catalogue.messages.sheet_imports import ACCEPTED, REFUSED, TAKEN, SheetImport
from adapters.inbox import Inbox, InboxFile
from manifests.errors import PlanError, ReelmillError, SheetError
from manifests.pluralize import count_of, counted
from manifests.sheet import CellProblem
from manifests.sheet.cells import clean
from tasks.alerts import alerts
from tasks.intake.finding_lines import error_lines, warning_lines
from tasks.intake.intake import Intake, SheetProblemsError
from tasks.intake.reading_line import reading_line
from tasks.intake.sources.sheet_snapshot import SheetSnapshot, SheetTooLargeError, snapshot_sheet
from tasks.intake.sources.sheet_store import PICTURE_SUFFIXES
from tasks.runtime.campaign_status import status_of
from tasks.runtime.lease_owner import current_owner, is_dead
from tasks.runtime.logs.redaction import redact
from tasks.watch.annotated_copy import annotated_base, annotated_workbook, is_unchanged_copy, write_annotated_copy
from tasks.watch.arrivals import being_written, conflicted_original, is_sheet_name, numbered_original
from tasks.watch.receipt import (
    SHOWN,
    Receipt,
    ReceiptCache,
    is_receipt_name,
    lacks_copies,
    read_receipt,
    receipt_names,
    short_name,
    update_stamps,
    write_receipt,
)
from tasks.watch.receipt_seal import ReceiptSeal
from tasks.watch.receipt_updates import ReceiptUpdates, Start, receipt_values
from tasks.watch.receipt_words import for_receipt

log = logging.getLogger(__name__)
SETTLED_S = 60.0
"""A file is complete if it has not changed for this long, or between two polls."""
CLAIM_TIMEOUT_S = 900.0
"""A claim of another watcher expires after this time; registering a million variants takes minutes."""
DEAD_CLAIM_TIMEOUT_S = 3.0
"""A claim of a dead watcher expires after this time. It is not zero, so that only one of two watchers claims it."""
LATE_S = 300.0
"""A sheet that waits for longer than this causes an alert."""
WAITING: Final = "waiting"
RECENT_SHEETS = 200
"""Number of recent sheets whose campaigns are restarted if necessary."""


class Submitted(Protocol):
    """A registered campaign, and what was found in its sheet."""

    @property
    def campaign_id(self) -> str:
        """Id of the campaign."""
        ...

    @property
    def intake(self) -> Intake:
        """The sheet with its warnings, and with the errors of rows that were left out."""
        ...


class CampaignStarter(Protocol):
    """Submits sheets and starts their campaigns."""

    def submit(self, sheet: Path) -> Submitted:
        """Check a sheet and register its campaign; calling it twice is harmless."""
        ...

    def start(self, campaign_id: str) -> bool:
        """Start a campaign unless it is running; return False if it has ended and must not be started again."""
        ...

    def failure(self, campaign_id: str) -> str:
        """Return why the last start of a campaign came to nothing; empty if it did not."""
        ...

    def link(self, campaign_id: str) -> str:
        """Return the URL of the campaign's page; empty if it is not known."""
        ...


class Watch:
    """The watcher of one place. What it keeps in memory is only a cache; a new watcher gets the same results.

    Attributes:
        has_pending: the last poll left sheets for the next one.
    """

    def __init__(
        self, inbox: Inbox, seal: ReceiptSeal, catalogue: Catalogue, starter: CampaignStarter, uploads: Path
    ) -> None:
        self._inbox = inbox
        self._seal = seal
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
        self._starts: dict[str, Start] = {}
        self._receipt_cache = ReceiptCache(inbox, seal)
        self._updates = ReceiptUpdates(inbox, seal, catalogue, self._receipt_cache)
        self.has_pending = False

    def poll(self) -> list[str]:
        """Submit new sheets, restart accepted campaigns if necessary, update receipts, and return messages for people.

        Raises:
            BucketError: the place cannot be listed; the next poll may succeed.
            CatalogueError: the catalogue is not available.
        """
        self._lines, self.has_pending = [], False
        found = self._inbox.list_files()
        self._found = {each.name: each.stamp for each in found}
        pictures = [each for each in found if each.name.lower().endswith(PICTURE_SUFFIXES)]
        whole = {each.name for each in found if self._is_whole(each)} - being_written(found)
        sheets = [each for each in found if is_sheet_name(each.name)]
        waiting: set[str] = set()
        for sheet in sorted(sheets, key=self._order):
            # A file can be recognised as an annotated copy only after its sheet has a receipt.
            if annotated_base(sheet.name) in waiting or not self._process(sheet, pictures, whole):
                waiting.add(short_name(sheet.name))
        self.has_pending = bool(waiting)
        self._stamps = self._found
        self._restart_accepted()
        receipts = [each for each in found if is_receipt_name(each.name)]
        for sheet_name, line in self._updates.update(receipts, self._starts):
            self._report(sheet_name, line)
        return self._lines

    def _order(self, sheet: InboxFile) -> tuple[int, bool]:
        """Return a sort key: annotated copies after their sheets, and second downloads after the first ones."""
        return len(annotated_base(sheet.name)), numbered_original(sheet.name) in self._found

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
            if not is_unchanged_copy(self._inbox, self._seal, sheet.name):
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
        if original := conflicted_original(sheet.name):
            self._seen = {sheet.name: sheet.stamp}
            self._write_receipt(Receipt("refused", sheet.name, "", _conflict_text(sheet.name, original)))
            return True
        try:
            snapshot = snapshot_sheet(self._inbox, sheet, pictures, self._uploads)
        except SheetTooLargeError as error:
            self._seen = {sheet.name: sheet.stamp, **_stamps(error.named, pictures)}
            self._write_receipt(Receipt("refused", sheet.name, "", str(error), errors=(str(error),)))
            return True
        if snapshot is None:
            return True
        if snapshot.size != sheet.size:
            return False  # it has grown since it was listed
        self._seen = {sheet.name: sheet.stamp, **_stamps(snapshot.named, pictures)}
        return whole.issuperset(snapshot.pictures) and self._resolve(snapshot)

    def _recorded_stamps(self, sheet: InboxFile) -> dict[str, str]:
        """Return the stamps in a final receipt; a flow run starts without the memory of earlier watchers."""
        receipt = self._listed_receipt(sheet.name) or {}
        seen = receipt.get("seen")
        if receipt.get("state") == WAITING or not isinstance(seen, dict):
            return {}
        return {str(name): str(stamp) for name, stamp in seen.items()}

    def _listed_receipt(self, sheet: str) -> Mapping[str, object] | None:
        """Return the content of a sheet's receipt as it was listed; None without a receipt."""
        bodies = (self._receipt_cache.body(name, stamp) for name, stamp in self._receipts(sheet).items())
        return next(filter(None, bodies), None)

    def _resolve(self, snapshot: SheetSnapshot) -> bool:
        """Process the content of a sheet; return False if another watcher has it or it has to be retried."""
        if self._claim(snapshot):
            return self._submit(snapshot)
        record = self._catalogue.sheet_imports.get(snapshot.sha256)
        if record is None or record.state == TAKEN:
            return False
        if record.state == ACCEPTED and record.campaign_id:
            self._report_known(snapshot, record)
            return True
        # Without its receipt the sheet is submitted again, because its error may have been fixed outside the sheet.
        receipt = read_receipt(self._inbox, self._seal, snapshot.name)
        if not _matches(receipt, REFUSED, snapshot) or lacks_copies(receipt):
            return self._submit(snapshot)
        update_stamps(self._inbox, self._seal, snapshot.name, self._seen)
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
            submitted = self._try_submit(snapshot)
        except Exception as error:  # noqa: BLE001 - after any error, the sheet must be retried
            self._catalogue.sheet_imports.release(snapshot.sha256, _sentence(error))
            self._write_receipt(
                Receipt(
                    WAITING, snapshot.name, snapshot.sha256, f"{_sentence(error)} The sheet is retried automatically."
                )
            )
            self._alert_if_late(snapshot.sha256, snapshot.name, _sentence(error))
            return False
        if submitted:
            self._report_accepted(snapshot, submitted.campaign_id, submitted.intake)
        return True

    def _try_submit(self, snapshot: SheetSnapshot) -> Submitted | None:
        """Register the campaign; if the sheet is refused, write the receipt and return None."""
        try:
            submitted = self._starter.submit(snapshot.path)
        except (SheetError, PlanError) as error:
            receipt = self._refusal(snapshot, error)
            self._write_receipt(receipt)
            self._catalogue.sheet_imports.finish(snapshot.sha256, REFUSED, detail=receipt.message)
            return None
        self._catalogue.sheet_imports.finish(snapshot.sha256, ACCEPTED, campaign_id=submitted.campaign_id)
        return submitted

    def _refusal(self, snapshot: SheetSnapshot, error: Exception) -> Receipt:
        """Return the receipt of a refused sheet; if cells have errors, write an annotated copy as well."""
        intake = error.intake if isinstance(error, SheetProblemsError) else None
        problems = intake.checked.problems if intake else ()
        if intake is None or not problems:
            sentence = for_receipt(str(error))
            return Receipt("refused", snapshot.name, snapshot.sha256, sentence, errors=(sentence,))
        marked, digest = write_annotated_copy(self._inbox, self._seal, snapshot.name, annotated_workbook(intake))
        return Receipt(
            "refused",
            snapshot.name,
            snapshot.sha256,
            f"The sheet has {count_of(len(problems), 'error')}. Nothing was started. Fix the sheet and save it here "
            f"again. {marked} marks the cells with errors.",
            marked=marked,
            left={marked: digest},
            read_as=reading_line(intake),
            errors=_errors(problems),
            warnings=_warnings(intake),
        )

    def _report_accepted(self, snapshot: SheetSnapshot, campaign_id: str, intake: Intake) -> None:
        """Start a new campaign, and write the receipt with the warnings of its sheet and the rows left out."""
        receipt = Receipt(
            ACCEPTED,
            snapshot.name,
            snapshot.sha256,
            "",
            note=self._copy_text(snapshot.name),
            read_as=reading_line(intake),
            warnings=_warnings(intake),
        )
        if problems := intake.checked.problems:
            marked, digest = write_annotated_copy(self._inbox, self._seal, snapshot.name, annotated_workbook(intake))
            skipped = counted(len({problem.row for problem in problems}), "row{s} with errors {were} left out")
            receipt = replace(
                receipt,
                note=f"{receipt.note} {skipped}; {marked} marks the cells.".strip(),
                errors=_errors(problems),
                marked=marked,
                left={marked: digest},
            )
        self._start(campaign_id)
        self._write_campaign_receipt(receipt, campaign_id)

    def _copy_text(self, name: str) -> str:
        """Return a note about a sheet that is perhaps a newer download of another one; an empty text for others."""
        original = numbered_original(name)
        if original not in self._found:
            return ""
        return (
            f"{name} has the name of a second download of {original} but other content, so it has its own campaign. If "
            f"it replaces {original}, cancel the campaign of {original}."
        )

    def _report_known(self, snapshot: SheetSnapshot, record: SheetImport) -> None:
        """Start the campaign of content that was accepted before, and write the receipt if it does not exist."""
        campaign_id = record.campaign_id or ""
        receipt = self._listed_receipt(snapshot.name) or {}
        is_known = receipt.get("sha256") == snapshot.sha256 and receipt.get("campaign") == campaign_id
        if is_known and lacks_copies(receipt) and (submitted := self._submitted_again(snapshot)):
            self._report_accepted(snapshot, campaign_id, submitted.intake)
            return
        self._start(campaign_id)
        if is_known:
            update_stamps(self._inbox, self._seal, snapshot.name, self._seen)
            return
        same = "The same content was submitted before, so no second campaign was started."
        note = "" if record.name == snapshot.name else same
        self._write_campaign_receipt(Receipt(ACCEPTED, snapshot.name, snapshot.sha256, "", note=note), campaign_id)

    def _submitted_again(self, snapshot: SheetSnapshot) -> Submitted | None:
        """Return the sheet of a known campaign; None if it is refused now, which changes nothing for the campaign."""
        try:
            return self._starter.submit(snapshot.path)
        except (SheetError, PlanError):
            return None

    def _write_campaign_receipt(self, receipt: Receipt, campaign_id: str) -> None:
        status = status_of(self._catalogue, campaign_id)
        state, message = receipt_values(status, self._starts.get(campaign_id))
        self._write_receipt(
            replace(
                receipt,
                state=state,
                message=f"{receipt.note} {message}".strip(),
                campaign=campaign_id,
                link=self._starter.link(campaign_id),
                rows=len(self._catalogue.campaigns.briefs(campaign_id)),
                variants=sum(self._catalogue.progress.tally(campaign_id).values()),
                clips=dict(status.clips),
            )
        )

    def _start(self, campaign_id: str) -> None:
        """Start a campaign unless it runs or has ended, and remember the result for its receipts."""
        try:
            will_run = self._starter.start(campaign_id)
            self._starts[campaign_id] = Start(will_run, "" if will_run else self._starter.failure(campaign_id))
            if not will_run:
                self._closed.add(campaign_id)
        except ReelmillError as error:
            self._starts[campaign_id] = Start(True, redact(str(error)))

    def _restart_accepted(self) -> None:
        """Restart accepted campaigns whose run died, even if their sheet was deleted."""
        for record in self._catalogue.sheet_imports.all(RECENT_SHEETS):
            campaign_id = record.campaign_id
            if record.state != ACCEPTED or not campaign_id or campaign_id in self._closed:
                continue
            self._start(campaign_id)
            if problem := self._starts[campaign_id].problem:
                if self._starts[campaign_id].will_run:
                    self._report(campaign_id, f"The start of {campaign_id} will be retried. {problem}")
                self._alert_if_late(record.sha256, record.name, problem)

    def _alert_if_late(self, sha256: str, name: str, why: str) -> None:
        """Alert if a sheet has been waiting for a while; shorter interruptions need nobody's attention."""
        record = self._catalogue.sheet_imports.get(sha256)
        if record and time.time() - record.at > LATE_S:
            alerts.sheet_waits(self._catalogue, name, why)

    def _write_receipt(self, receipt: Receipt) -> None:
        name = write_receipt(self._inbox, self._seal, replace(receipt, seen=self._seen))
        wanted = next(receipt_names(receipt.sheet))
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


def _conflict_text(name: str, original: str) -> str:
    return (
        f"{name} is a conflicted copy: {original} was changed in two places at the same time. Nothing was started. "
        f"Compare the two files. To use this one, save it under the name {original}, or under a name of its own."
    )


def _errors(problems: Iterable[CellProblem]) -> tuple[str, ...]:
    return tuple(map(for_receipt, error_lines(problems)[:SHOWN]))


def _warnings(intake: Intake) -> tuple[str, ...]:
    return tuple(map(for_receipt, warning_lines(intake.checked.warnings, len(intake.table.rows))[:SHOWN]))


def _matches(receipt: Mapping[str, object] | None, state: str, snapshot: SheetSnapshot) -> bool:
    return receipt is not None and receipt.get("state") == state and receipt.get("sha256") == snapshot.sha256


def _sentence(error: Exception) -> str:
    sentence = str(error) if isinstance(error, ReelmillError) else f"Unexpected error: {error!r}."
    return redact(sentence)  # everyone who can write to the watched place can read receipts
