"""Looks at a watched place: each sheet's content starts a campaign once, and is answered beside the sheet."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from adapters.catalogue import Catalogue
from adapters.catalogue.messages.sheet_imports import ACCEPTED, REFUSED, TAKEN
from adapters.inbox import Found, Inbox
from manifests.errors import PlanError, ReelmillError, SheetError
from manifests.sheet.cells import clean
from tasks.intake.intake import SheetProblemsError
from tasks.intake.sheet_snapshot import SheetSnapshot, SheetTooLargeError, snapshot_sheet
from tasks.intake.sheet_store import PICTURE_SUFFIXES, SHEET_SUFFIXES
from tasks.runtime.lease_owner import current_owner, is_dead
from tasks.runtime.redaction import redact
from tasks.watch.annotated_copy import is_marked_copy, leave_marked, marked_base, marked_book
from tasks.watch.receipt import SHOWN, Receipt, leave_receipt, note_seen, receipt_names, receipt_of, short_name

log = logging.getLogger(__name__)
QUIET_S = 60.0
"""A file that has not changed for so long is whole; so is one that two looks find the same."""
PATIENCE_S = 900.0
"""A watcher elsewhere that says nothing for so long is not waited for; registering a million takes minutes."""
PATIENCE_WITH_THE_DEAD_S = 3.0
"""So that of two that see a dead watcher's sheet only one takes it."""
LATEST = 200
"""Sheets whose campaigns are seen to."""


class Door(Protocol):
    """How a sheet that was taken becomes a campaign that runs."""

    def submit(self, sheet: Path) -> str:
        """Check a sheet, register its campaign and return the campaign's id; calling it twice is harmless."""
        ...

    def start(self, campaign_id: str) -> bool:
        """See that a campaign runs; once more is harmless. False where nothing is left to see to."""
        ...

    def link(self, campaign_id: str) -> str:
        """Return where people find the campaign; empty where nothing is known."""
        ...


class Watch:
    """One watched place; what it remembers between looks only saves work.

    Attributes:
        is_unsettled: the last look left something that the next may take.
    """

    def __init__(self, inbox: Inbox, catalogue: Catalogue, door: Door, uploads: Path) -> None:
        self._inbox = inbox
        self._catalogue = catalogue
        self._door = door
        self._uploads = uploads
        self._stamps: dict[str, str] = {}
        self._found: dict[str, str] = {}
        self._done: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
        self._copies: dict[str, dict[str, str]] = {}
        self._seen: dict[str, str] = {}
        self._closed: set[str] = set()
        self._told: dict[str, str] = {}
        self._lines: list[str] = []
        self.is_unsettled = False

    def look(self) -> list[str]:
        """Take what is new and whole, and see that accepted campaigns run; return what to tell people.

        Raises:
            BucketError: the place cannot be looked at; the next look may.
            CatalogueError: the catalogue is away.
        """
        self._lines, self.is_unsettled = [], False
        found = self._inbox.found()
        self._found = {each.name: each.stamp for each in found}
        pictures = [each for each in found if each.name.lower().endswith(PICTURE_SUFFIXES)]
        whole = {each.name for each in found if self._is_whole(each)}
        sheets = [each for each in found if each.name.lower().endswith(SHEET_SUFFIXES)]
        waiting: set[str] = set()
        for sheet in sorted(sheets, key=lambda each: len(marked_base(each.name))):  # a copy after its sheet
            # Whose a copy is will be seen once its sheet is answered.
            if marked_base(sheet.name) in waiting or not self._look_at(sheet, pictures, whole):
                waiting.add(short_name(sheet.name))
        self.is_unsettled = bool(waiting)
        self._stamps = self._found
        self._see_to_accepted()
        return self._lines

    def _is_whole(self, file: Found) -> bool:
        return file.age_s is None or file.age_s >= QUIET_S or self._stamps.get(file.name) == file.stamp

    def _look_at(self, sheet: Found, pictures: list[Found], whole: set[str]) -> bool:
        """Bring a sheet to its end; False where it still changes, or is to be tried again."""
        try:
            return (
                self._is_marked_copy(sheet)
                or self._is_done(sheet, pictures)
                or (sheet.name in whole and self._take(sheet, pictures, whole))
            )
        except Exception as error:  # noqa: BLE001 - one sheet's trouble must not keep the others waiting
            self._tell(sheet.name, f"{sheet.name} waits: {_sentence(error)}")
            return False

    def _is_marked_copy(self, sheet: Found) -> bool:
        """True for one of ours that nobody has worked on; looked into again where it or its receipt changed."""
        if not (base := marked_base(sheet.name)):
            return False
        stamps = {sheet.name: sheet.stamp, **self._receipts(base)}
        if self._copies.get(sheet.name) != stamps:
            if not is_marked_copy(self._inbox, sheet.name):
                return False
            self._copies[sheet.name] = stamps
        return True

    def _is_done(self, sheet: Found, pictures: list[Found]) -> bool:
        """True where the last word was given to a sheet as it is, and lies here still."""
        seen, receipts = self._done.get(sheet.name, ({}, {}))
        if not receipts or receipts != self._receipts(sheet.name):
            seen, receipts = self._answered(sheet), self._receipts(sheet.name)
        self._done[sheet.name] = seen, receipts
        return bool(seen) and seen == {sheet.name: sheet.stamp, **_stamps(seen.keys() - {sheet.name}, pictures)}

    def _receipts(self, sheet: str) -> dict[str, str]:
        """Return the stamps of what may be a sheet's receipt."""
        return {name: self._found[name] for name in receipt_names(sheet) if name in self._found}

    def _take(self, sheet: Found, pictures: list[Found], whole: set[str]) -> bool:
        """Read a sheet and bring it to its end; False where that is to be tried again."""
        try:
            dropped = snapshot_sheet(self._inbox, sheet, pictures, self._uploads)
        except SheetTooLargeError as error:
            self._seen = {sheet.name: sheet.stamp}
            self._answer(Receipt("refused", sheet.name, "", str(error), errors=(str(error),)))
            return True
        if dropped is None:
            return True
        self._seen = {sheet.name: sheet.stamp, **_stamps(dropped.named, pictures)}
        return whole.issuperset(dropped.pictures) and self._settle(dropped)

    def _answered(self, sheet: Found) -> dict[str, str]:
        """Return what an earlier watcher had seen when it gave its last word; a flow run has no memory of its own."""
        answer = receipt_of(self._inbox, sheet.name) or {}
        seen = answer.get("seen")
        if answer.get("state") not in (ACCEPTED, REFUSED) or not isinstance(seen, dict):
            return {}
        return {str(name): str(stamp) for name, stamp in seen.items()}

    def _settle(self, dropped: SheetSnapshot) -> bool:
        """Bring a content to its end; False where another works on it, or it is to be tried again."""
        if self._is_taken(dropped):
            return self._take_in(dropped)
        arrival = self._catalogue.sheet_imports.get(dropped.sha256)
        if arrival is None or arrival.state == TAKEN:
            return False
        if arrival.state == ACCEPTED and arrival.campaign_id:
            self._accepted(dropped, arrival.campaign_id, first=arrival.name == dropped.name)
            return True
        # Without its answer it has come anew: what made it bad may be mended outside of it.
        answer = receipt_of(self._inbox, dropped.name)
        if not _says(answer, REFUSED, dropped):
            return self._take_in(dropped)
        note_seen(self._inbox, dropped.name, self._seen)
        return True

    def _is_taken(self, dropped: SheetSnapshot) -> bool:
        """True where the content is this watcher's to bring to its end."""
        arrival, patience_s = self._catalogue.sheet_imports.get(dropped.sha256), PATIENCE_S
        if arrival and arrival.state == TAKEN:
            if arrival.owner == current_owner():
                return True  # a look of ours that could not even give it back
            patience_s = PATIENCE_WITH_THE_DEAD_S if is_dead(arrival.owner) else PATIENCE_S
        return self._catalogue.sheet_imports.claim(
            dropped.sha256, dropped.name, self._inbox.place, current_owner(), patience_s
        )

    def _take_in(self, dropped: SheetSnapshot) -> bool:
        """Read, register and start a content that was taken; give it back where the trouble is not the sheet's."""
        try:
            campaign_id = self._register(dropped)
        except Exception as error:  # noqa: BLE001 - whatever it is, the sheet is not lost over it
            self._catalogue.sheet_imports.release(dropped.sha256, _sentence(error))
            self._answer(
                Receipt(
                    "waiting", dropped.name, dropped.sha256, f"{_sentence(error)} The sheet is tried again by itself."
                )
            )
            return False
        if campaign_id:
            self._accepted(dropped, campaign_id, first=True)
        return True

    def _register(self, dropped: SheetSnapshot) -> str:
        """Return the campaign's id; empty where the sheet was refused, which is answered then."""
        try:
            campaign_id = self._door.submit(dropped.path)
        except (SheetError, PlanError) as error:
            receipt = self._refusal(dropped, error)
            self._answer(receipt)
            self._catalogue.sheet_imports.finish(dropped.sha256, REFUSED, detail=receipt.message)
            return ""
        self._catalogue.sheet_imports.finish(dropped.sha256, ACCEPTED, campaign_id=campaign_id)
        return campaign_id

    def _refusal(self, dropped: SheetSnapshot, error: Exception) -> Receipt:
        """Return the answer with every error as a sentence; where cells are bad, beside a copy that marks them."""
        intake = error.intake if isinstance(error, SheetProblemsError) else None
        problems = intake.checked.problems if intake else ()
        if intake is None or not problems:
            return Receipt("refused", dropped.name, dropped.sha256, str(error), errors=(str(error),))
        marked, digest = leave_marked(self._inbox, dropped.name, marked_book(intake))
        return Receipt(
            "refused",
            dropped.name,
            dropped.sha256,
            f"{len(problems)} problems, and nothing was started. Mend them in your sheet and save it here again; "
            f"{marked} shows the bad cells.",
            marked=marked,
            left={marked: digest},
            errors=tuple(problem.sentence for problem in problems[:SHOWN]),
            warnings=tuple(warning.sentence for warning in intake.checked.warnings[:SHOWN]),
        )

    def _accepted(self, dropped: SheetSnapshot, campaign_id: str, *, first: bool) -> None:
        """See that the campaign runs, and answer unless that was done."""
        message = (
            "Accepted, and the campaign is started."
            if first
            else "The same content came before: this is its campaign, and no second one was started."
        )
        try:
            self._door.start(campaign_id)
        except ReelmillError as error:
            message = f"Accepted, but not started yet: {error} It is tried again by itself."
        answer = receipt_of(self._inbox, dropped.name)
        if not (
            _says(answer, ACCEPTED, dropped)
            and answer
            and answer.get("campaign") == campaign_id
            and answer.get("seen") == self._seen
        ):
            self._answer(
                Receipt(
                    "accepted",
                    dropped.name,
                    dropped.sha256,
                    message,
                    campaign_id,
                    self._door.link(campaign_id),
                    len(self._catalogue.campaigns.briefs(campaign_id)),
                    sum(self._catalogue.progress.tally(campaign_id).values()),
                )
            )

    def _see_to_accepted(self) -> None:
        """Start again what was accepted and whose run died, also where its sheet lies here no more."""
        for arrival in self._catalogue.sheet_imports.all(LATEST):
            campaign_id = arrival.campaign_id
            if arrival.state != ACCEPTED or not campaign_id or campaign_id in self._closed:
                continue
            try:
                if not self._door.start(campaign_id):
                    self._closed.add(campaign_id)
            except ReelmillError as error:
                self._tell(campaign_id, f"{campaign_id} waits to be started: {error}")

    def _answer(self, receipt: Receipt) -> None:
        name, wanted = leave_receipt(self._inbox, replace(receipt, seen=self._seen)), next(receipt_names(receipt.sheet))
        if name != wanted:
            self._tell(
                wanted,
                f"{wanted} is no receipt of Reelmill's and is left alone; the answer to {receipt.sheet} is {name}.",
            )
        campaign = f" as {receipt.campaign}" if receipt.campaign else ""
        self._tell(receipt.sheet, f"{receipt.sheet}: {receipt.state}{campaign}. {receipt.message}")

    def _tell(self, what: str, line: str) -> None:
        """Tell people, but not the same of the same thing at every look."""
        line = "".join(sign if sign.isprintable() else "?" for sign in line)
        if self._told.get(what) != line:
            self._told[what] = line
            self._lines.append(line)
            log.info("%s", line)


def _stamps(named: Iterable[str], pictures: Iterable[Found]) -> dict[str, str]:
    """Return the stamps of pictures by the names that cells call them, empty for those that are not there."""
    there = {clean(each.name): each.stamp for each in pictures}
    return {name: there.get(name, "") for name in named}


def _says(receipt: Mapping[str, object] | None, state: str, dropped: SheetSnapshot) -> bool:
    return receipt is not None and receipt.get("state") == state and receipt.get("sha256") == dropped.sha256


def _sentence(error: Exception) -> str:
    said = str(error) if isinstance(error, ReelmillError) else f"Something unforeseen went wrong ({error!r})."
    return redact(said)  # receipts are read by whoever may drop a sheet
