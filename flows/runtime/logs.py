"""Log lines: for people or as JSON, each with what it belongs to, none with a secret."""

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
from tasks.runtime.log_context import FIELDS, scope, scope_now
from tasks.runtime.redaction import redact
from tasks.runtime.resources import Resources

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
OURS = ("adapters", "app", "flows", "models", "tasks")
PREFECT = {"flow_run_id": "flow_run_id", "task_run_id": "task_run_id"}
"""Fields that Prefect's own records carry."""
SHORTEST_PART = 10
"""Characters of the last part of a webhook's path from which on it is taken for its secret: ``incoming`` is none."""
LONGEST_LINE = 32_768
"""Characters of a message or of a traceback; collectors cut longer lines anywhere, and then they are no JSON."""


def prepare_logs(settings: Settings) -> None:
    """Write this process's log lines as the settings say, and take their secrets out of every record.

    May be called as often as one likes; again after Prefect was imported, which sets its own handlers.
    """
    redact.learn(secrets_of(settings))
    redact_records()
    if settings.log_format == "json":
        _handle_root(JsonLines())
        for name in OURS:  # the root's level stays: other libraries say at INFO each request that they make
            logging.getLogger(name).setLevel(logging.INFO)
    elif not logging.getLogger().handlers:
        _handle_root(ScopedText(TEXT))


@contextmanager
def logged(resources: Resources, **fields: str) -> Iterator[None]:
    """Let log lines of the block carry fields, and no secret of the resources: a Ray worker has read no settings."""
    redact.learn(secrets_of_resources(resources))
    redact_records()
    with scope(**fields):
        yield


def secrets_of(settings: Settings) -> Iterable[str]:
    """Yield what the settings keep secret, whole and in the parts that stand alone in messages."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
    yield from _passwords(settings.catalogue_url)
    if settings.alert_webhook:
        yield from _secret_path(settings.alert_webhook.get_secret_value())


def secrets_of_resources(resources: Resources) -> Iterable[str]:
    """Yield what a resources keeps secret."""
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
    """Yield what comes after a webhook's host: HTTP clients and servers log it alone."""
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
    """Let every log record of this process be made without secrets, whoever logs it and whatever handles it."""
    made = logging.getLogRecordFactory()
    if not isinstance(made, _Redacting):
        logging.setLogRecordFactory(_Redacting(made))


class _Redacting:
    """Makes records whose message and traceback hold no secret, and which know their scope.

    A filter would have to stand on every handler, Prefect's included, which come and go; a record is made once.
    """

    def __init__(self, made: Callable[..., logging.LogRecord]) -> None:
        self._made = made

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record = self._made(*args, **kwargs)
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - logging would print both as they are
            message = f"{record.msg!r} {record.args!r}"
        record.msg, record.args = redact(message), ()
        if record.exc_info and record.exc_info[0]:
            # Handlers that format exc_info themselves, as Prefect's for JSON does, would print it as it is.
            record.exc_text = redact("".join(traceback.format_exception(*record.exc_info)).rstrip("\n"))
            record.exc_info = None
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        record.scope = dict(scope_now())
        return record


class ScopedText(logging.Formatter):
    """A line for people, with its scope at the end."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = " ".join(f"{name}={value}" for name, value in _scope_of(record).items())
        return super().formatMessage(record) + (f" [{fields}]" if fields else "")


class JsonLines(logging.Formatter):
    """One JSON object a line: at, level, logger, message, FIELDS of its scope, Prefect's ids, and the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object."""
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
        if record.exc_info and not record.exc_text:  # of a record that was made elsewhere
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
    """Writes to what is sys.stderr when a line comes."""

    def __init__(self, formatter: logging.Formatter) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(formatter)

    @property
    def stream(self) -> Any:
        """Where lines go."""
        return sys.stderr


def _handle_root(formatter: logging.Formatter) -> None:
    """Let the root logger write by this formatter to stderr, and by no console handler beside it."""
    root = logging.getLogger()
    for handler in [each for each in root.handlers if _is_console(each)]:
        root.removeHandler(handler)
    root.addHandler(Terminal(formatter))


def _is_console(handler: logging.Handler) -> bool:
    """True for handlers that write to this process's terminal: ours of an earlier call, and Prefect's."""
    return isinstance(handler, Terminal) or type(handler).__name__ == "PrefectConsoleHandler"
