"""Log records without secrets and with the current context, in every process that runs steps."""

import logging
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

from tasks.runtime.logs.log_context import current_scope, scope
from tasks.runtime.logs.redaction import redact
from tasks.runtime.resources import Resources


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
        yield from account.secrets
    for key in (resources.prompt_key, resources.audit_key):
        if key:
            yield key.hex()


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
