"""What is left beside a sheet that arrived: what became of it."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from adapters.inbox import Inbox
from manifests.errors import BucketRefusedError

LONGEST_NAME = 200
LARGEST = 100_000_000
"""Bytes of a receipt or a marked copy."""
SHOWN = 500
"""Sentences in a receipt; the marked copy has them all."""
MOST_NAMES = 20
STATES = ("accepted", "refused", "waiting")
RECEIPT = (".receipt", ".json")
MARKED = (".marked", ".xlsx")


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
        left: sha256 by name, of all such copies that were left for this sheet: one that differs is somebody's work.
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
    left: Mapping[str, str] = field(default_factory=dict)
    seen: Mapping[str, str] = field(default_factory=dict)
    at: str = ""


def receipt_names(sheet: str) -> Iterator[str]:
    """Yield the names under which a sheet's receipt may lie: the next one where a name is somebody else's."""
    return names_from(short_name(sheet), *RECEIPT)


def leave_receipt(inbox: Inbox, receipt: Receipt) -> str:
    """Put a receipt beside its sheet, over none but one of ours; one that says the same is left alone, with its time.

    Returns:
        Its name.

    Raises:
        BucketError: it cannot be written, or no name is free.
    """
    name, before = standing_receipt(inbox, short_name(receipt.sheet))
    if not name:
        raise no_free_name(receipt.sheet)
    body = {key: value for key, value in asdict(receipt).items() if value or key in ("state", "sheet")}
    if left := {**left_by(before), **receipt.left}:
        body["left"] = left
    if before is None or {key: value for key, value in before.items() if key != "at"} != json.loads(json.dumps(body)):
        body["at"] = datetime.now(UTC).isoformat(timespec="seconds")
        inbox.leave(name, _written(body))
    return name


def note_seen(inbox: Inbox, sheet: str, seen: Mapping[str, str]) -> None:
    """Note in a sheet's receipt that it stands for other stamps, too: the content is the same."""
    name, body = standing_receipt(inbox, short_name(sheet))
    if body is not None and body.get("seen") != seen:
        inbox.leave(name, _written({**body, "seen": seen}))


def receipt_of(inbox: Inbox, sheet: str) -> Mapping[str, object] | None:
    """Return what the receipt of a sheet says; None where there is none."""
    return standing_receipt(inbox, short_name(sheet))[1]


def standing_receipt(inbox: Inbox, base: str) -> tuple[str, Mapping[str, object] | None]:
    """Return a receipt's name and what it says; else a name that is free, empty where none is."""
    for name in names_from(base, *RECEIPT):
        data = inbox.fetch(name, LARGEST)
        if data is None:
            return name, None
        if body := _ours(data, base):
            return name, body
    return "", None


def _written(body: Mapping[str, object]) -> bytes:
    text = json.dumps(body, indent=1, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace")  # JSON's own escape, for files' names that are no text


def _ours(data: bytes, base: str) -> Mapping[str, object] | None:
    """Return what a receipt says that we wrote; None for anything else."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or body.get("state") not in STATES or not isinstance(body.get("at"), str):
        return None
    sheet = body.get("sheet")
    return body if isinstance(sheet, str) and short_name(sheet) == base else None


def left_by(receipt: Mapping[str, object] | None) -> dict[str, str]:
    """Return the sha256 by name of the marked copies that a receipt tells of."""
    left = (receipt or {}).get("left")
    return {str(name): str(digest) for name, digest in left.items()} if isinstance(left, dict) else {}


def no_free_name(sheet: str) -> BucketRefusedError:
    """Return the error that too many names are somebody else's."""
    return BucketRefusedError(
        f"Beside {sheet[:80]!r} no name is free for the answer; move away the files that are called "
        f"{RECEIPT[0]}…{RECEIPT[1]} or {MARKED[0]}…{MARKED[1]} after it."
    )


def names_from(base: str, beginning: str, ending: str) -> Iterator[str]:
    """Yield names for an answer, the first of which is the usual one."""
    yield f"{base}{beginning}{ending}"
    for number in range(2, MOST_NAMES + 1):
        yield f"{base}{beginning}-{number}{ending}"


def short_name(name: str) -> str:
    """Return a name to which an ending can be added: file systems take 255 bytes."""
    if len(name.encode("utf-8", "replace")) <= LONGEST_NAME:
        return name
    path = Path(name)
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:10]
    return f"{path.stem[:40]}-{digest}{path.suffix}"
