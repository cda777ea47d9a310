"""Log lines contain their scope and no secret, with every handler including Prefect's."""

import io
import json
import logging
import threading
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path

import pytest

from app.session import Session
from flows.runtime import logs
from flows.runtime.logs import JsonLines, ScopedText, prepare_logs, secrets_of
from flows.runtime.resources import resources_of
from flows.settings import Settings
from tasks.runtime.logs.log_context import scope
from tasks.runtime.logs.redacted_logs import logged, redact_records

HOOK = "https://chat.example/in/T000/B000/hookSecret0"
CANARIES = ("bucketSecret0", "catalogueSecret0", "oidcSecret0", "hookSecret0", "metricsSecret0000")


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(
        home=tmp_path,
        log_format="json",
        bucket_secret_key="bucketSecret0",
        catalogue_url="postgresql://reel:catalogueSecret0@db/reelmill",
        oidc_client_secret="oidcSecret0",
        alert_webhook=HOOK,
        metrics_token="metricsSecret0000",
    )


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    root, made = logging.getLogger(), logging.getLogRecordFactory()
    handlers, levels = list(root.handlers), {name: logging.getLogger(name).level for name in logs.OURS}
    yield
    logging.setLogRecordFactory(made)
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def line_of(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    [text] = capsys.readouterr().err.splitlines()
    return json.loads(text)


def test_a_line_is_one_json_object_with_its_scope(settings, capsys):
    prepare_logs(settings)
    prepare_logs(settings)
    with scope(campaign_id="spring-1", shard="s0"), scope(variant_id="v", brief_id="cup"):
        logging.getLogger("tasks.render.render").info("two\nlines of %s", "one")
    line = line_of(capsys)
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "INFO",
        "logger": "tasks.render.render",
        "message": "two\nlines of one",
        "campaign_id": "spring-1",
        "brief_id": "cup",
        "variant_id": "v",
        "shard": "s0",
    }


def test_other_libraries_log_warnings_only(settings, capsys):
    prepare_logs(settings)
    logging.getLogger("somelib").info("a request")
    logging.getLogger("somelib").warning("a warning")
    assert line_of(capsys)["message"] == "a warning"


def test_no_part_of_a_line_contains_a_secret(settings, capsys):
    prepare_logs(settings)
    log = logging.getLogger("tasks.render.render")
    for secret in CANARIES:
        try:
            try:
                raise OSError(f"first {secret}")
            except OSError as error:
                raise ValueError(secret) from error
        except ValueError:
            log.exception("said %r, %s", {"key": secret}, secret, stack_info=True)
            log.warning("%d", secret)  # arguments that do not match the format
    with scope(campaign_id="oidcSecret0"):
        log.warning("scope")
    said = capsys.readouterr().err
    assert not [secret for secret in CANARIES if secret in said]
    assert len(said.splitlines()) == 2 * len(CANARIES) + 1
    assert "Traceback" in json.loads(said.splitlines()[0])["exception"]


def test_the_path_of_a_webhook_is_secret_on_its_own(settings):
    assert {"/in/T000/B000/hookSecret0", HOOK} <= set(secrets_of(settings))


def test_every_secret_setting_is_known(settings):
    assert set(CANARIES) - {"hookSecret0"} <= set(secrets_of(settings))


def test_prefects_handlers_and_later_handlers_get_no_secret(settings):
    prepare_logs(settings)
    from prefect.logging.formatters import JsonFormatter

    for formatter in (JsonFormatter("default", None, "%"), logging.Formatter("%(message)s")):
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter)
        logger = logging.getLogger("prefect.flow_runs.test")
        logger.addHandler(handler)
        logger.propagate = False
        try:
            raise ValueError("catalogueSecret0")
        except ValueError:
            logger.error("it said %s", "bucketSecret0", exc_info=True)
        finally:
            logger.removeHandler(handler)
        said = stream.getvalue()
        assert "it said ***" in said
        assert "catalogueSecret0" not in said


def test_a_worker_redacts_the_secrets_of_its_resources(settings, caplog):
    resources = resources_of(settings)
    with logged(resources, campaign_id="spring-1"):
        logging.getLogger("tasks.x").warning("key bucketSecret0 at %s", resources.catalogue_url)
    assert "Secret0" not in caplog.text
    assert caplog.records[-1].scope == {"campaign_id": "spring-1"}  # type: ignore[attr-defined]


def test_plain_text_ends_with_the_scope(settings):
    redact_records()
    with scope(variant_id="0f"):
        record = logging.getLogRecordFactory()("tasks.a", logging.WARNING, "a.py", 1, "odd %s", ("clip",), None)
    assert ScopedText("%(name)s: %(message)s").format(record) == "tasks.a: odd clip [variant_id=0f]"
    assert json.loads(JsonLines().format(record))["variant_id"] == "0f"


def test_a_line_is_never_longer_than_log_collectors_accept():
    record = logging.LogRecord("a", logging.INFO, "a.py", 1, "x" * 100_000, (), None)
    assert len(JsonLines().format(record)) < logs.MAX_LINE_LENGTH + 500


def test_the_traceback_of_an_external_record_is_redacted(settings):
    prepare_logs(settings)
    try:
        raise ValueError("oidcSecret0")
    except ValueError as error:
        record = logging.LogRecord("a", logging.INFO, "a.py", 1, "x", (), (ValueError, error, error.__traceback__))
    assert "oidcSecret0" not in JsonLines().format(record)


def test_a_scope_applies_to_threads_with_its_context_and_ends_with_its_block(caplog):
    redact_records()

    def work() -> None:
        logging.getLogger("tasks.x").warning("in a thread")

    with scope(shard="s1"):
        threads = [threading.Thread(target=copy_context().run, args=(work,)), threading.Thread(target=work)]
    for thread in threads:
        thread.start()
        thread.join(10)
    assert [record.scope for record in caplog.records] == [{"shard": "s1"}, {}]  # type: ignore[attr-defined]


def test_a_scope_accepts_known_fields_only():
    with pytest.raises(TypeError, match="unknown fields: prompt"), scope(prompt="x"):
        pytest.fail("the scope accepted an unknown field")


def test_a_command_hides_the_background_services_of_prefect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path))
    loggers = [logging.getLogger(name) for name in ("EventsWorker", "APILogWorker")]
    for logger in loggers:
        monkeypatch.setattr(logger, "level", logging.NOTSET)
        logger.manager._clear_cache()
    queues = logging.getLogger("prefect._internal.concurrency")
    monkeypatch.setattr(queues, "filters", [])
    for _ in range(2):
        Session.open()
    assert not any(logger.isEnabledFor(logging.ERROR) for logger in loggers)
    failed, other = (
        logging.LogRecord(queues.name, logging.ERROR, "", 0, text, ("EventsWorker", "Event()"), None)
        for text in ("Service %r failed to process item %r", "%r crashed: %r")
    )
    assert not queues.filter(failed)
    assert queues.filter(other)
    assert len(queues.filters) == 1
