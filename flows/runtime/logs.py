"""Logging as text or JSON, with context fields and without secrets."""

import json
import logging
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from flows.runtime.provider_keys import keys_of
from flows.settings import Settings
from tasks.runtime.logs.log_context import FIELDS
from tasks.runtime.logs.redacted_logs import passwords, redact_records
from tasks.runtime.logs.redaction import redact

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
OURS = ("adapters", "app", "flows", "models", "tasks")
PREFECT = {"flow_run_id": "flow_run_id", "task_run_id": "task_run_id"}
"""Fields of Prefect's log records."""
PREFECT_SERVICES = ("EventsWorker", "APILogWorker")
"""Their loggers, which Prefect names after their classes; they write to the terminal of the command."""
PREFECT_QUEUES = "prefect._internal.concurrency"
"""The logger for items that a service cannot process; it also logs other errors."""
MIN_SECRET_LENGTH = 10
"""Minimum length of the last part of a webhook's path to be treated as a secret; ``incoming`` is not one."""
MAX_LINE_LENGTH = 32_768
"""Maximum length of a message or traceback; log collectors truncate longer lines, which makes the JSON invalid."""


def prepare_logs(settings: Settings) -> None:
    """Configure the logging of this process, and redact the secrets of the settings in every record.

    May be called repeatedly. Call it again after importing Prefect, which sets its own handlers.
    """
    redact.learn(secrets_of(settings))
    redact_records()
    if settings.log_format == "json":
        _handle_root(JsonLines())
        for name in OURS:  # the root level is not changed: at INFO, other libraries log every request
            logging.getLogger(name).setLevel(logging.INFO)
    elif not logging.getLogger().handlers:
        _handle_root(ScopedText(TEXT))


def quiet_prefect_services() -> None:
    """Hide what Prefect's background services log when its server stops; a command reports its own errors."""
    for name in PREFECT_SERVICES:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.getLogger(PREFECT_QUEUES).addFilter(_is_not_of_a_service)  # the same function is only added once


def _is_not_of_a_service(record: logging.LogRecord) -> bool:
    text = record.getMessage()
    return not any(text.startswith(f"Service {name!r} failed to process item") for name in PREFECT_SERVICES)


def secrets_of(settings: Settings) -> Iterable[str]:
    """Yield the secrets of the settings, and parts of them that may appear separately in messages."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
    yield from keys_of(settings)
    yield from passwords(settings.catalogue_url)
    if settings.alert_webhook:
        yield from _secret_path(settings.alert_webhook.get_secret_value())


def _secret_path(url: str) -> Iterator[str]:
    """Yield the path and query of a webhook: HTTP clients and servers log them without the host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    if len(parts.path) > 1:
        yield parts.path
    if len(last := parts.path.rpartition("/")[2]) >= MIN_SECRET_LENGTH:
        yield last
    if parts.query:
        yield parts.query


class ScopedText(logging.Formatter):
    """Formats a record as text, with its scope at the end."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the formatted line."""
        fields = " ".join(f"{name}={value}" for name, value in _scope_of(record).items())
        return super().formatMessage(record) + (f" [{fields}]" if fields else "")


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON: at, level, logger, message, FIELDS, Prefect's ids and the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, str] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _short(record.getMessage()),
            **_scope_of(record),
        }
        for name, attribute in PREFECT.items():
            if value := getattr(record, attribute, None):
                line[name] = str(value)
        if record.exc_info and not record.exc_text:  # a record from another process
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            line["exception"] = _short(redact(record.exc_text))
        return json.dumps(line, ensure_ascii=True)


def _short(text: str) -> str:
    return text if len(text) <= MAX_LINE_LENGTH else f"{text[:MAX_LINE_LENGTH]}…"


def _scope_of(record: logging.LogRecord) -> dict[str, str]:
    found = getattr(record, "scope", {})
    return {name: redact(found[name]) for name in FIELDS if name in found}


class Terminal(logging.StreamHandler[Any]):
    """Writes to the current value of sys.stderr."""

    def __init__(self, formatter: logging.Formatter) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(formatter)

    @property
    def stream(self) -> Any:
        """The output stream."""
        return sys.stderr


def _handle_root(formatter: logging.Formatter) -> None:
    """Make the root logger write to stderr with this formatter, and remove other console handlers."""
    root = logging.getLogger()
    for handler in [each for each in root.handlers if _is_console(each)]:
        root.removeHandler(handler)
    root.addHandler(Terminal(formatter))


def _is_console(handler: logging.Handler) -> bool:
    """Return whether a handler writes to the terminal: ours from an earlier call, or Prefect's."""
    return isinstance(handler, Terminal) or type(handler).__name__ == "PrefectConsoleHandler"
