"""Log records without secrets and with the current context, in every process that runs steps."""

import json
import logging
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

from tasks.runtime.logs.log_context import current_scope, scope
from tasks.runtime.logs.redaction import redact
from tasks.runtime.resources import Resources

MIN_PART = 8
"""Shorter parts of a key occur by chance in ordinary text."""


@contextmanager
def logged(resources: Resources, **fields: str) -> Iterator[None]:
    """Add fields to the log records of the block, and redact the secrets of ``resources``.

    Ray workers need this, because they do not load the settings.
    """
    redact.learn(secrets_of_resources(resources))
    redact_records()
    with scope(**fields):
        yield


def secrets_of_resources(resources: Resources) -> Iterable[str]:
    """Yield the secrets of the resources."""
    yield from filter(None, (resources.bucket.access_key, resources.bucket.secret_key))
    yield from passwords(resources.catalogue_url)
    for account in resources.providers:
        yield from secret_parts(account.key)
    for key in (resources.prompt_key, resources.audit_key):
        if key:
            yield key.hex()


def secret_parts(key: str) -> Iterator[str]:
    """Yield a provider's key and its parts: both halves of ``id:secret``, and the private key of a service account."""
    if not key:
        return
    yield key
    if key.startswith("{"):
        yield from _private_key_in(key)
    elif ":" in key:
        yield from (part for part in key.split(":") if len(part) >= MIN_PART)


def _private_key_in(text: str) -> Iterator[str]:
    try:
        content = json.loads(text)
    except ValueError:
        return
    for name in ("private_key", "private_key_id"):
        value = content.get(name) if isinstance(content, dict) else None
        if isinstance(value, str):
            yield value
            yield from (line for line in value.splitlines() if len(line) >= MIN_PART and not line.startswith("-"))


def passwords(url: str) -> Iterator[str]:
    """Yield the password of a URL, as written and decoded."""
    try:
        password = urlsplit(url).password
    except ValueError:
        return
    if password:
        yield from {password, unquote(password)}


def redact_records() -> None:
    """Redact secrets in every log record of this process when it is created, for all loggers and handlers."""
    factory = logging.getLogRecordFactory()
    if not isinstance(factory, _RedactingFactory):
        logging.setLogRecordFactory(_RedactingFactory(factory))


class _RedactingFactory:
    """Creates log records with redacted message and traceback, and with the current scope.

    Filters would have to be added to every handler, including those of Prefect, which change.
    """

    def __init__(self, factory: Callable[..., logging.LogRecord]) -> None:
        self._factory = factory

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._factory(*args, **kwargs)
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - logging would print both unformatted
            message = f"{record.msg!r} {record.args!r}"
        record.msg, record.args = redact(message), ()
        if record.exc_info and record.exc_info[0]:
            # Handlers that format exc_info themselves, such as Prefect's JSON handler, would not redact it.
            record.exc_text = redact("".join(traceback.format_exception(*record.exc_info)).rstrip("\n"))
            record.exc_info = None
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        record.scope = dict(current_scope())
        return record
