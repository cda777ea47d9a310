"""Errors in the shape of the OpenAI API: ``{"error": {"message", "type", "param", "code"}}``."""

import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from manifests.errors import DiskFullError
from manifests.system_errors import DISK_FULL

FULL = "The disk of the server is full. Try again later, or ask its operator to free space."
log = logging.getLogger(__name__)
INVALID = "invalid_request_error"
CODES = {401: "invalid_api_key", 404: "not_found", 405: "method_not_allowed", 413: "request_too_large"}
"""Codes of errors that are not raised by a route."""


class ApiError(Exception):
    """A request that is refused.

    Args:
        status: HTTP status.
        message: what is wrong and how to fix it.
        code: short name for programs.
        param: field of the request that is wrong; None if it is none.
        retry_s: seconds after which the client may try again; None if that is not known.
    """

    def __init__(
        self, status: int, message: str, code: str, param: str | None = None, retry_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param, self.retry_s = status, message, code, param, retry_s

    @property
    def response(self) -> JSONResponse:
        """The HTTP response."""
        headers = {"Retry-After": str(self.retry_s)} if self.retry_s is not None else {}
        return error_response(self.status, self.message, self.code, self.param, headers)


def invalid(message: str, param: str | None = None, code: str = "invalid_value") -> ApiError:
    """Return the error for a field with a wrong value."""
    return ApiError(400, message, code, param)


def error_response(
    status: int, message: str, code: str, param: str | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return a response with one error."""
    types = {401: "authentication_error", 429: "rate_limit_error"}
    kind = types.get(status, "server_error" if status >= 500 else INVALID)
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return JSONResponse(body, status, dict(headers or {}))


def add_error_handlers(app: FastAPI) -> None:
    """Give all errors of the app the same format."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(OSError, _disk_error)
    app.add_exception_handler(DiskFullError, _disk_error)
    app.add_exception_handler(Exception, _unexpected)


async def _api_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return error.response


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code, message = CODES.get(error.status_code, "invalid_request"), str(error.detail)
    if error.status_code == 404:
        message = f"This server has no {request.method} {request.url.path}. /docs lists its routes."
    return error_response(error.status_code, message, code, headers=error.headers)


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = str(first["loc"][-1])
    return error_response(400, f"Invalid {name}: {first['msg']}.", "invalid_value", name)


async def _disk_error(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, OSError) and error.errno not in DISK_FULL:
        raise error
    log.warning("%s %s: %s", request.method, request.url.path, error)
    return error_response(503, FULL, "disk_full", headers={"Retry-After": "60"})


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("Unexpected error in %s %s", request.method, request.url.path, exc_info=error)
    return error_response(500, "Unexpected error. The log of the server shows the details.", "server_error")
