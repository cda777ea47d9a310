"""Keep receipts current: a receipt says what its campaign does now, until the campaign is at rest."""

import logging
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from adapters.catalogue import Catalogue
from adapters.inbox import Inbox, InboxFile
from manifests.errors import CatalogueError, ReelmillError
from tasks.runtime.campaign_status import ACCEPTED, FAILED, CampaignStatus, Stage, status_of
from tasks.watch.receipt import ReceiptCache, update_receipt
from tasks.watch.receipt_seal import ReceiptSeal

log = logging.getLogger(__name__)
LARGE_S = 0.5
"""A campaign whose counts take longer than this is not counted in every poll."""
EFFORT = 20.0
"""Pause before its next counts, as a multiple of the time that they took."""


class Start(NamedTuple):
    """The result of starting a campaign, or of finding out that nothing has to be started.

    Attributes:
        will_run: it runs, waits for its run, or is restarted; otherwise, nothing starts it without a person.
        problem: why it could not be started now, or why it never started; empty if neither.
    """

    will_run: bool
    problem: str = ""


def receipt_values(status: CampaignStatus, start: Start | None) -> tuple[Stage, str]:
    """Return the state and the message of a campaign's receipt.

    Args:
        start: None if the campaign was not started by this watcher.
    """
    state, message = status.state, status.message
    if state == ACCEPTED and start and start.problem and start.will_run:
        return state, f"The campaign has not started yet. {start.problem} The start is retried automatically."
    if state == ACCEPTED and start and not start.will_run:
        why = start.problem or "Its flow run has ended without starting it."
        return FAILED, f"The campaign could not start. {why}"
    if state == FAILED and start and start.will_run:
        retried = start.problem or "It is restarted automatically."
        return ACCEPTED, f"{message.partition(' Resume with')[0]} {retried}"
    return state, message


class ReceiptUpdates:
    """Updates the receipts of one place."""

    def __init__(self, inbox: Inbox, seal: ReceiptSeal, catalogue: Catalogue, receipts: ReceiptCache) -> None:
        self._inbox = inbox
        self._seal = seal
        self._catalogue = catalogue
        self._receipts = receipts
        self._next: dict[str, float] = {}
        self._statuses: dict[str, CampaignStatus | None] = {}

    def status(self, campaign_id: str) -> CampaignStatus | None:
        """Return the status of a campaign, counted once per poll; None if it is unknown or was counted recently."""
        if campaign_id not in self._statuses:
            began = time.monotonic()
            if began < self._next.get(campaign_id, 0.0):
                return None
            try:
                self._statuses[campaign_id] = status_of(self._catalogue, campaign_id)
            except CatalogueError:  # the receipt is of another catalogue
                self._statuses[campaign_id] = None
            ended = time.monotonic()
            if ended - began > LARGE_S:
                self._next[campaign_id] = ended + EFFORT * (ended - began)
        return self._statuses[campaign_id]

    def update(self, found: Iterable[InboxFile], starts: Mapping[str, Start]) -> list[tuple[str, str]]:
        """Update all receipts; return the name of the sheet and a sentence for each one that changed."""
        self._statuses.clear()
        changes = [self._update(file, starts) for file in found]
        return [change for change in changes if change]

    def _update(self, file: InboxFile, starts: Mapping[str, Start]) -> tuple[str, str] | None:
        try:
            body = self._receipts.body(file.name, file.stamp)
            campaign_id = str((body or {}).get("campaign") or "")
            status = self.status(campaign_id) if campaign_id else None
            if body is None or status is None:
                return None
            state, message = receipt_values(status, starts.get(campaign_id))
            message = f"{body.get('note', '')} {message}".strip()
            wanted = {"state": state, "message": message, "clips": dict(status.clips)}
            if all(body.get(name, {}) == value for name, value in wanted.items()):
                return None
            update_receipt(self._inbox, self._seal, file.name, body, wanted)
        except ReelmillError as error:  # the next poll tries again
            return file.name, f"{file.name} cannot be updated. {error}"
        return str(body["sheet"]), f"{body['sheet']}: {state} as {campaign_id}. {message}"
