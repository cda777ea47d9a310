"""What is left beside a sheet that arrived: what became of it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from adapters.inbox import Inbox

ENDING = ".receipt.json"
MARKED = ".marked.xlsx"
LONGEST_NAME = 200
LARGEST = 5_000_000
SHOWN = 500
"""Sentences in a receipt; the marked copy has them all."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """One answer.

    Attributes:
        state: ``accepted``; ``refused``: the sheet has to change; ``waiting``: the trouble is not the sheet's, and it
            is tried again.
        sha256: of the sheet, and of the pictures that it names where there are any.
        message: what happened and what to do, in a sentence or two.
        campaign, link: the campaign's id, and where its page is if that is known.
        rows, variants: what was accepted.
        errors, warnings: a sentence for each bad or odd cell.
        marked: name of the copy in which bad cells are marked.
        seen: stamps by name, of the sheet and of the pictures that it names, empty for those that are not there: a
            watcher without memory knows by it that nothing has changed.
        at: when, ISO 8601 in UTC.
    """

    state: Literal["accepted", "refused", "waiting"]
    sheet: str
    sha256: str
    message: str
    campaign: str = ""
    link: str = ""
    rows: int = 0
    variants: int = 0
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    marked: str = ""
    seen: Mapping[str, str] = field(default_factory=dict)
    at: str = ""


def is_answer(name: str) -> bool:
    """True for what was left here by Reelmill."""
    return name.endswith((ENDING, MARKED))


def receipt_name(sheet: str) -> str:
    """Return the name of a sheet's receipt."""
    return _short(sheet) + ENDING


def marked_name(sheet: str) -> str:
    """Return the name of the copy of a sheet in which bad cells are marked."""
    return _short(sheet) + MARKED


def leave_receipt(inbox: Inbox, receipt: Receipt) -> None:
    """Put a receipt beside its sheet; one that says the same already is left alone, with its time."""
    before = receipt_of(inbox, receipt.sheet)
    body = {name: value for name, value in asdict(receipt).items() if value or name in ("state", "sheet")}
    if before is None or {name: value for name, value in before.items() if name != "at"} != _plain(body):
        body["at"] = datetime.now(UTC).isoformat(timespec="seconds")
        text = json.dumps(body, indent=1, ensure_ascii=False)
        inbox.leave(receipt_name(receipt.sheet), text.encode("utf-8", "replace"))


def receipt_of(inbox: Inbox, sheet: str) -> Mapping[str, object] | None:
    """Return what the receipt of a sheet says; None where there is none that can be read."""
    data = inbox.fetch(receipt_name(sheet), LARGEST)
    try:
        body = json.loads(data or b"null")
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _plain(body: dict[str, object]) -> object:
    return json.loads(json.dumps(body))


def _short(name: str) -> str:
    """Return a name to which an ending can be added: file systems take 255 bytes."""
    if len(name.encode("utf-8", "replace")) <= LONGEST_NAME:
        return name
    path = Path(name)
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:10]
    return f"{path.stem[:40]}-{digest}{path.suffix}"
