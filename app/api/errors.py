"""Error responses in the OpenAPI description of the JSON API."""

from typing import Any

from app.api.records import ErrorOut

_MEANINGS = {
    400: "The request cannot be used as sent.",
    401: "The token is missing, unknown, revoked or expired.",
    403: "The token's account does not have the required role.",
    404: "The clip, the file or the URL does not exist.",
    405: "The URL does not support the method; the header Allow lists those that it supports.",
    409: "The state of the clip or of its files does not allow this.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    416: "The file has no such range of bytes.",
    422: "A parameter or a field of the body is invalid.",
    429: "Too many requests; the header Retry-After says how many seconds to wait.",
    500: "Unexpected error; the log of the dashboard shows the details.",
    503: "The catalogue or the bucket does not respond. Try again.",
}
READ = (400, 401, 403, 405, 422, 429, 500, 503)
READ_ONE = (*READ, 404, 409)
WRITE = (*READ, 413, 415)
WRITE_ONE = (*WRITE, 404)


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the description of error responses; all have the same body."""
    return {status: {"model": ErrorOut, "description": _MEANINGS[status]} for status in sorted(statuses)}
