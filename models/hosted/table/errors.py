"""Reading of refusals and of failed jobs, by the rows of a contract."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from manifests.hosted.job import Cause, Refused, Unclear
from manifests.hosted.wire import Answer
from models.hosted.table.body import at, parse, retry_after, text
from models.hosted.table.contract import Contract, ErrorRow, Place

BY_STATUS = {
    401: Cause.AUTH,
    402: Cause.MONEY,
    403: Cause.AUTH,
    404: Cause.NOT_FOUND,
    410: Cause.GONE,
    429: Cause.RATE,
    451: Cause.MODERATION,
}
"""Causes of answers that no row of the contract knows; other statuses below 500 are ``invalid``."""

SHOW_NOTHING = frozenset({408, 409, 499})
"""Timeout, conflict (with an earlier job) and closed request: the provider may have accepted the job."""


def refusal(contract: Contract, answer: Answer, place: Place = "submit") -> Refused | Unclear:
    """Return what an answer with an error status, or with a code of one, means.

    Statuses from 400 to 499 are refusals: HTTP says that nothing was done. All others, and those in ``SHOW_NOTHING``,
    are unclear, unless a row of the contract knows better.
    """
    body = parse(answer.body)
    code, message = text(at(body, contract.code_at), 100), text(at(body, contract.message_at))
    row = _row(contract, answer.status, code, place)
    if row is not None and row.resubmit == "uncertain":
        return _unclear(answer, message)
    if row is not None:
        return Refused(row.cause, code, message, retry_after(answer), row.resubmit == "wait")
    if 400 <= answer.status < 500 and answer.status not in SHOW_NOTHING:
        cause = BY_STATUS.get(answer.status, Cause.INVALID)
        return Refused(cause, code, message, retry_after(answer), may_retry=cause is Cause.RATE)
    return _unclear(answer, message)


def failure(contract: Contract, body: Any, is_free: bool) -> Refused:
    """Return why a job failed; an unknown reason is a fault of the provider.

    Args:
        is_free: jobs cost nothing, so that one that failed for an unknown reason may be repeated.
    """
    code, message = text(at(body, contract.job_code_at), 100), text(at(body, contract.job_message_at))
    row = first_row((row for row in contract.errors if row.at == "job"), None, code)
    if row is None:
        return Refused(Cause.VENDOR, code, message, may_retry=is_free)
    return Refused(row.cause, code, message, may_retry=row.resubmit == "wait")


def first_row(rows: Iterable[ErrorRow], status: int | None, code: str) -> ErrorRow | None:
    """Return the first row that matches; rows with a code come before those without.

    Args:
        status: None if it does not matter.
    """
    matching = [row for row in rows if status is None or row.http in (None, status)]
    with_code = (row for row in matching if row.code is not None and _matches(row.code, code))
    return next(with_code, None) or next((row for row in matching if row.code is None and row.http is not None), None)


def _row(contract: Contract, status: int, code: str, place: Place) -> ErrorRow | None:
    rows = [row for row in contract.errors if row.at in ("any", place)]
    # An error code does not make an unclear status a refusal.
    if contract.code_decides and code and status < 500 and status not in SHOW_NOTHING:
        return first_row((row for row in rows if row.code is not None), None, code)
    return first_row(rows, status, code)


def _matches(pattern: str, code: str) -> bool:
    low, is_range, high = pattern.partition("..")
    if is_range and low.isdecimal() and high.isdecimal():
        return code.isascii() and code.isdecimal() and int(low) <= int(code) <= int(high)
    return fnmatchcase(code, pattern)


def _unclear(answer: Answer, message: str) -> Unclear:
    return Unclear(f"HTTP {answer.status}: {message}" if message else f"HTTP {answer.status}")
