"""Logging as text or JSON, with context fields and without secrets."""

import json
import logging
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from flows.settings import Settings
from tasks.runtime.log_context import FIELDS, current_scope, scope
from tasks.runtime.redaction import redact
from tasks.runtime.resources import Resources

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
OURS = ("adapters", "app", "flows", "models", "tasks")
PREFECT = {"flow_run_id": "flow_run_id", "task_run_id": "task_run_id"}
"""Fields of Prefect's log records."""
SHORTEST_PART = 10
"""Minimum length of the last part of a webhook's path to be treated as a secret; ``incoming`` is not one."""
LONGEST_LINE = 32_768
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


@contextmanager
def logged(resources: Resources, **fields: str) -> Iterator[None]:
    """Add fields to log records of the block and redact secrets of the resources; Ray workers load no settings."""
    redact.learn(secrets_of_resources(resources))
    redact_records()
    with scope(**fields):
        yield


def secrets_of(settings: Settings) -> Iterable[str]:
    """Yield the secrets of the settings, and parts of them that may appear separately in messages."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
    yield from _passwords(settings.catalogue_url)
    if settings.alert_webhook:
        yield from _secret_path(settings.alert_webhook.get_secret_value())


def secrets_of_resources(resources: Resources) -> Iterable[str]:
    """Yield the secrets of the resources."""
    yield from filter(None, (resources.bucket.access_key, resources.bucket.secret_key))
    yield from _passwords(resources.catalogue_url)
    if resources.prompt_key:
        yield resources.prompt_key.hex()


def _passwords(url: str) -> Iterator[str]:
    try:
        password = urlsplit(url).password
    except ValueError:
        return
    if password:
        yield from {password, unquote(password)}


def _secret_path(url: str) -> Iterator[str]:
    """Yield the path and query of a webhook: HTTP clients and servers log them without the host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    if len(parts.path) > 1:
        yield parts.path
    if len(last := parts.path.rpartition("/")[2]) >= SHORTEST_PART:
        yield last
    if parts.query:
        yield parts.query


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
    return text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}…"


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
