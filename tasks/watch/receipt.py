"""Receipts: JSON files next to watched sheets that report the result of each sheet."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from adapters.inbox import Inbox
from manifests.errors import BucketRefusedError, BucketUnreachableError
from tasks.runtime.campaign_status import Stage
from tasks.watch.receipt_seal import ReceiptSeal

MAX_NAME_BYTES = 200
MAX_FILE_BYTES = 100_000_000
"""Maximum size of a receipt or an annotated copy, in bytes."""
SHOWN = 500
"""Maximum number of errors and of warnings in a receipt; the annotated copy has all of them."""
MAX_CANDIDATE_NAMES = 20
STATES = ("accepted", "running", "done", "stopped", "failed", "refused", "waiting")
RECEIPT = (".receipt", ".json")
MARKED = (".marked", ".xlsx")
_RECEIPT_NAME = re.compile(r"(.+)\.receipt(?:-\d+)?\.json", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The result of one sheet.

    Attributes:
        state: ``accepted``, ``running``, ``done``, ``stopped`` or ``failed``, as the campaign is; ``refused``, if the
            sheet has errors; or ``waiting``, if the sheet is retried because of another error.
        sha256: hex digest of the sheet, and of its pictures if it uses any.
        message: what happened and what to do, in one or two sentences.
        campaign: id of the campaign.
        link: URL of the campaign's page, if it is known.
        rows, variants: numbers of accepted rows and variants.
        clips: number of variants by state, once the campaign has ended.
        note: what is special about the sheet; the message begins with it.
        read_as: how the sheet was read: its encoding or tab, what was left out, its longest prompt.
        errors, warnings: one sentence per finding, or per kind of finding of which there are many.
        marked: name of the annotated copy.
        left: sha256 by name of all annotated copies that were written for this sheet. A copy with another hash was
            edited by people.
        seen: stamps by name of the sheet and of its pictures; empty for missing pictures. They allow a new watcher to
            detect that nothing has changed.
        at: time, ISO 8601 in UTC.
    """

    state: Stage | Literal["refused", "waiting"]
    sheet: str
    sha256: str
    message: str
    campaign: str = ""
    link: str = ""
    rows: int = 0
    variants: int = 0
    clips: Mapping[str, int] = field(default_factory=dict)
    note: str = ""
    read_as: str = ""
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    marked: str = ""
    left: Mapping[str, str] = field(default_factory=dict)
    seen: Mapping[str, str] = field(default_factory=dict)
    at: str = ""


def receipt_names(sheet: str) -> Iterator[str]:
    """Yield the possible names of a sheet's receipt; the next one is used if a file of another origin has the name."""
    return candidate_names(short_name(sheet), *RECEIPT)


def write_receipt(inbox: Inbox, seal: ReceiptSeal, receipt: Receipt) -> str:
    """Write a receipt next to its sheet.

    Only our own receipts are overwritten. A receipt with the same content is not written again and keeps its time.

    Returns:
        The name of the receipt.

    Raises:
        BucketError: the receipt cannot be written, or no name is free.
    """
    name, before = find_receipt(inbox, seal, short_name(receipt.sheet))
    if not name:
        raise no_free_name_error(receipt.sheet)
    body = {key: value for key, value in asdict(receipt).items() if value or key in ("state", "sheet")}
    if left := {**written_copies(before), **receipt.left}:
        body["left"] = left
    if before is None or {key: value for key, value in before.items() if key != "at"} != json.loads(json.dumps(body)):
        body["at"] = datetime.now(UTC).isoformat(timespec="seconds")
        inbox.write(name, _written(seal, body))
    return name


def update_receipt(
    inbox: Inbox, seal: ReceiptSeal, name: str, body: Mapping[str, object], changes: Mapping[str, object]
) -> None:
    """Write a receipt again with other values, and with the time of the change."""
    changed = {key: value for key, value in {**body, **changes}.items() if value or key in ("state", "sheet")}
    inbox.write(name, _written(seal, {**changed, "at": datetime.now(UTC).isoformat(timespec="seconds")}))


def update_stamps(inbox: Inbox, seal: ReceiptSeal, sheet: str, seen: Mapping[str, str]) -> None:
    """Update the stamps in a sheet's receipt after its files changed but their content did not."""
    name, body = find_receipt(inbox, seal, short_name(sheet))
    if body is not None and body.get("seen") != seen:
        inbox.write(name, _written(seal, {**body, "seen": seen}))


def read_receipt(inbox: Inbox, seal: ReceiptSeal, sheet: str) -> Mapping[str, object] | None:
    """Return the content of a sheet's receipt; None without a receipt."""
    return find_receipt(inbox, seal, short_name(sheet))[1]


def find_receipt(inbox: Inbox, seal: ReceiptSeal, base: str) -> tuple[str, Mapping[str, object] | None]:
    """Return a receipt's name and content, or else a free name (empty if there is none) and None."""
    for name in candidate_names(base, *RECEIPT):
        data = bytes_under(inbox, name)
        if data is None:
            return name, None
        if body := _ours(inbox, seal, name, data, base):
            return name, body
    return "", None


def bytes_under(inbox: Inbox, name: str) -> bytes | None:
    """Return the bytes of a file that may be ours, and no bytes if it is of another origin; None if the name is free.

    Everyone who can write to the watched place can put something under the name: a link, a folder, or a file that we
    cannot read. It must not keep us from answering the sheet.
    """
    try:
        return inbox.fetch(name, MAX_FILE_BYTES)
    except BucketUnreachableError as error:
        if isinstance(error.__cause__, PermissionError):
            return b""
        raise


def _written(seal: ReceiptSeal, body: Mapping[str, object]) -> bytes:
    text = json.dumps(seal.sealed(body), indent=1, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace")  # JSON escapes for file names that are not valid UTF-8


def is_receipt_name(name: str) -> bool:
    """Return whether a file has the name of a receipt; it may be of another origin."""
    return bool(_RECEIPT_NAME.fullmatch(name))


class ReceiptCache:
    """Receipts as they are listed, each read once until it changes."""

    def __init__(self, inbox: Inbox, seal: ReceiptSeal) -> None:
        self._inbox = inbox
        self._seal = seal
        self._bodies: dict[str, tuple[str, Mapping[str, object] | None]] = {}

    def body(self, name: str, stamp: str) -> Mapping[str, object] | None:
        """Return the content of a receipt that we wrote; None for other files."""
        if self._bodies.get(name, ("", None))[0] != stamp:
            data, match = bytes_under(self._inbox, name), _RECEIPT_NAME.fullmatch(name)
            self._bodies[name] = (
                stamp,
                _ours(self._inbox, self._seal, name, data, match[1]) if data is not None and match else None,
            )
        return self._bodies[name][1]


def _ours(inbox: Inbox, seal: ReceiptSeal, name: str, data: bytes, base: str) -> Mapping[str, object] | None:
    """Return the content of a receipt that we wrote; None for other files, such as one that others forged."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or body.get("state") not in STATES or not isinstance(body.get("at"), str):
        return None
    sheet = body.get("sheet")
    if not isinstance(sheet, str) or short_name(sheet) != base:
        return None
    return seal.opened(body, is_own_file=inbox.is_own(name))


def written_copies(receipt: Mapping[str, object] | None) -> dict[str, str]:
    """Return the sha256 by name of the annotated copies in a receipt."""
    left = (receipt or {}).get("left")
    return {str(name): str(digest) for name, digest in left.items()} if isinstance(left, dict) else {}


def lacks_copies(receipt: Mapping[str, object] | None) -> bool:
    """Return whether a receipt names an annotated copy that may not be ours, because the receipt had no seal.

    The copy must be written again before it is processed; otherwise it would be imported as a sheet.
    """
    return bool(receipt and receipt.get("marked")) and not written_copies(receipt)


def no_free_name_error(sheet: str) -> BucketRefusedError:
    """Return the error for a sheet next to which all possible names are in use."""
    return BucketRefusedError(
        f"There is no free name for the receipt of {sheet[:80]!r}. Move or delete files next to it whose names end in "
        f"{RECEIPT[0]}…{RECEIPT[1]} or {MARKED[0]}…{MARKED[1]}."
    )


def candidate_names(base: str, beginning: str, ending: str) -> Iterator[str]:
    """Yield possible names for a receipt or a copy, the usual one first."""
    yield f"{base}{beginning}{ending}"
    for number in range(2, MAX_CANDIDATE_NAMES + 1):
        yield f"{base}{beginning}-{number}{ending}"


def short_name(name: str) -> str:
    """Shorten a name so that a suffix can be added; file systems allow 255 bytes."""
    if len(name.encode("utf-8", "replace")) <= MAX_NAME_BYTES:
        return name
    path = Path(name)
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:10]
    return f"{path.stem[:40]}-{digest}{path.suffix}"
