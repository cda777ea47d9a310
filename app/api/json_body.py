"""Refuse bodies that are not JSON with the status for it."""

from email.message import Message

from fastapi import Request
from starlette.exceptions import HTTPException

NOT_JSON = "The body must be JSON. Send the header Content-Type: application/json."


async def json_body(request: Request) -> None:
    """Check the content type of a body; a missing body is reported with its missing fields.

    Raises:
        HTTPException: 415, the body has another type.
    """
    if not await request.body():
        return
    header = Message()
    header["content-type"] = request.headers.get("content-type", "")
    subtype = header.get_content_subtype()
    if header.get_content_maintype() != "application" or not (subtype == "json" or subtype.endswith("+json")):
        raise HTTPException(415, NOT_JSON)
