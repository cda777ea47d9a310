"""Read the body of a request for a video: JSON, or a form with an uploaded picture."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, NamedTuple

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from app.model_server.errors import ApiError, invalid

MAX_PICTURE_BYTES = 20_000_000
MAX_FIELDS = 50
REFERENCE = "input_reference"
IN_FORMS = f"{REFERENCE}[image_url]"
"""Pattern of form fields that are members of an object."""
DATA_URL = (
    'Send the picture as a file of a form, or in JSON as {"image_url": "data:image/png;base64,..."}. This server '
    "downloads no pictures, and has no file ids."
)


class VideoBody(NamedTuple):
    """The fields of a request without the picture, and the content of the picture; empty if there is none."""

    fields: Mapping[str, Any]
    picture: bytes


async def read_body(request: Request) -> VideoBody:
    """Return the body of a request.

    Raises:
        ApiError: 400, the body is damaged, or the picture is; 413, the picture is too large; 415, neither JSON nor a
            form.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/json":
        return _of_json(await _json(request))
    if media_type in ("multipart/form-data", "application/x-www-form-urlencoded"):
        return await _of_form(request)
    raise ApiError(415, "Send the request as application/json or as multipart/form-data.", "unsupported_media_type")


async def _json(request: Request) -> dict[str, Any]:
    try:
        found = await request.json()
    except (ValueError, RecursionError):
        raise invalid("The body is not valid JSON.", code="invalid_json") from None
    if not isinstance(found, dict):
        raise invalid("The body must be a JSON object.", code="invalid_json")
    return found


def _of_json(fields: dict[str, Any]) -> VideoBody:
    reference = fields.pop(REFERENCE, None)
    if isinstance(reference, dict):
        if set(reference) != {"image_url"}:
            raise invalid(f"Invalid {REFERENCE}. {DATA_URL}", REFERENCE)
        reference = reference["image_url"]
    return VideoBody(fields, _of_data_url(reference) if reference else b"")


async def _of_form(request: Request) -> VideoBody:
    try:
        # A data URL in a form is a field; a picture of the largest size has a third more characters there.
        async with request.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=2 * MAX_PICTURE_BYTES) as form:
            names = [name for name, _ in form.multi_items()]
            if twice := next((name for name in names if names.count(name) > 1), None):
                raise invalid(f"The form contains {twice[:80]} more than once. Send it once.", twice)
            fields = dict(form)
            reference = fields.pop(REFERENCE, None) or fields.pop(IN_FORMS, None)
            picture = await _picture(reference)
            files = [name for name, value in fields.items() if isinstance(value, UploadFile)]
    except HTTPException as error:  # Starlette's for a damaged form; that for a body that is too large has 413
        if error.status_code != 400:
            raise
        raise invalid(f"The form is invalid: {error.detail}", code="invalid_form") from None
    if files:
        raise invalid(f"{files[0][:80]} must not be a file. Only {REFERENCE} may be one.", files[0])
    return VideoBody(fields, picture)


async def _picture(reference: UploadFile | str | None) -> bytes:
    if isinstance(reference, UploadFile):
        data = await reference.read()
        _check_size(len(data))
        if not data:
            raise invalid(f"The file of {REFERENCE} is empty.", REFERENCE)
        return data
    return _of_data_url(reference) if reference else b""


def _of_data_url(text: Any) -> bytes:
    head, separator, content = text.partition(",") if isinstance(text, str) else ("", "", "")
    if not separator or not head.lower().startswith("data:image/") or not head.lower().endswith(";base64"):
        raise invalid(f"Invalid {REFERENCE}. {DATA_URL}", REFERENCE)
    _check_size(len(content) * 3 // 4 - 2)
    try:
        data = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise invalid(f"The base64 text of {REFERENCE} is damaged.", REFERENCE) from None
    _check_size(len(data))
    return data


def _check_size(size: int) -> None:
    if size > MAX_PICTURE_BYTES:
        raise ApiError(
            413,
            f"The picture is larger than {MAX_PICTURE_BYTES // 10**6} MB. Reduce its size.",
            "request_too_large",
            REFERENCE,
        )
