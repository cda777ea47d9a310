"""HTTP requests to providers and their answers, without keys and connections."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple


class Part(NamedTuple):
    """A part of a multipart body; without a file name, it is a form field."""

    name: str
    content: bytes
    file_name: str = ""
    media_type: str = ""


class Wire(NamedTuple):
    """One HTTP request. The transport adds the key.

    Attributes:
        url: absolute.
        headers: without the key.
        json: body as JSON; None for none.
        parts: body as multipart/form-data.
        sends_key: whether the key is added. Result files on other hosts are fetched without it.
        keeps: values that the reader of the answer also needs; the engine adds them to the job's ``links``.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    url: str
    headers: Mapping[str, str] = {}
    json: Any = None
    parts: tuple[Part, ...] = ()
    sends_key: bool = True
    keeps: Mapping[str, str] = {}


class Answer(NamedTuple):
    """An HTTP answer that was read to its end.

    Attributes:
        headers: names in lower case.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class KeyRule(NamedTuple):
    """How a request sends the key of an account.

    Attributes:
        header: name of the header.
        form: its value, with ``{key}`` for the key, or for the token that was obtained with it.
        token: how the token is obtained: ``none`` uses the key itself, ``adobe`` IMS client credentials, ``google`` a
            service account.
        also: further headers, with ``{name}`` for a field of the account.
    """

    header: str = "Authorization"
    form: str = "Bearer {key}"
    token: Literal["none", "adobe", "google"] = "none"  # noqa: S105
    also: Mapping[str, str] = {}
