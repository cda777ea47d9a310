"""Each alert reaches a real receiver once, on both database engines, with failures and several senders."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import update
from webhook_server import Plan, WebhookServer, webhook_server

from adapters.catalogue import Alert, Catalogue
from adapters.catalogue.core.tables import alerts as rows
from adapters.catalogue.core.tables import database_now
from adapters.catalogue.messages.alerts import PAUSES_S
from adapters.notify.webhook import Webhook, WebhookResponse
from tasks.alerts import alerts
from tasks.alerts.alert_dispatcher import (
    CLAIM_S,
    JITTER,
    MAX_AGE_S,
    MAX_FAILURES,
    AlertDispatcher,
    DispatcherThread,
    Round,
    dispatching,
    pause_s,
)


@pytest.fixture(autouse=True)
def listeners() -> Iterator[None]:
    before = list(alerts.listeners)
    yield
    assert alerts.listeners == before


def make_due(catalogue: Catalogue) -> None:
    with catalogue.database.writing() as connection:
        connection.execute(update(rows).values(due_at=database_now() - 1))


def put(catalogue: Catalogue, number: int) -> None:
    for each in range(number):
        assert catalogue.alerts.add(f"key {each}", "sweep", f"text {each}")


def only(catalogue: Catalogue) -> Alert:
    [alert] = catalogue.alerts.all()
    return alert


def test_due_alerts_are_sent_once_in_order(catalogue: Catalogue):
    put(catalogue, 25)
    with webhook_server() as receiver:
        dispatcher = AlertDispatcher(catalogue, Webhook(receiver.url))
        assert dispatcher.send_due() == Round(sent=25)
        assert dispatcher.send_due() == Round()
    assert receiver.texts == [f"text {each}" for each in range(25)]
    assert all(alert.sent_at for alert in catalogue.alerts.all())


def test_a_receiver_that_fails_twice_and_then_accepts(catalogue: Catalogue):
    put(catalogue, 1)
    with webhook_server(Plan(500), Plan(503, {"Retry-After": "4000"}), Plan()) as receiver:
        dispatcher = AlertDispatcher(catalogue, Webhook(receiver.url))
        assert dispatcher.send_due() == Round(failed=1)
        assert PAUSES_S[0] - 3 < (catalogue.alerts.due_in_s() or 0) <= PAUSES_S[0] * (1 + JITTER)
        assert dispatcher.send_due() == Round(), "it is not retried before its pause is over"
        make_due(catalogue)
        assert dispatcher.send_due() == Round(failed=1)
        assert 3990 < (catalogue.alerts.due_in_s() or 0) <= 4000, "Retry-After overrides a shorter pause"
        make_due(catalogue)
        assert dispatcher.send_due() == Round(sent=1)
    assert (only(catalogue).tries, only(catalogue).error) == (3, "")
    assert len(receiver.texts) == 3


def test_permanent_errors_are_given_up_at_once(catalogue: Catalogue):
    put(catalogue, 1)
    with webhook_server(Plan(404, body="no_service")) as receiver:
        assert AlertDispatcher(catalogue, Webhook(receiver.url)).send_due() == Round(failed=1)
    assert only(catalogue).given_up_at
    assert only(catalogue).error == "The webhook responded with 404 (no_service). Check REELMILL_ALERT_WEBHOOK."


def aged(catalogue: Catalogue, key: str, seconds: float) -> None:
    with catalogue.database.writing() as connection:
        connection.execute(update(rows).where(rows.c.key == key).values(at=database_now() - seconds))


def begun(catalogue: Catalogue, receiver: WebhookServer) -> None:
    """Run the first and the last round of a dispatcher thread."""
    with dispatching(AlertDispatcher(catalogue, Webhook(receiver.url))) as thread:
        pass
    assert thread.join(20)


def test_a_new_receiver_gets_no_old_alerts_unless_a_person_sends_them(catalogue: Catalogue, caplog):
    put(catalogue, 3)
    aged(catalogue, "key 0", MAX_AGE_S + 60)
    aged(catalogue, "key 1", MAX_AGE_S - 60)
    with webhook_server() as receiver:
        begun(catalogue, receiver)
        assert receiver.texts == ["text 1", "text 2"]
        assert "1 alert older than 24 h was not sent. Use `reelmill alerts send` to send it." in caplog.text
        snapshot = catalogue.metrics.snapshot()
        assert (snapshot.alerts_waiting, snapshot.alerts_given_up, snapshot.alerts_kept) == (0, 0, 1)
        begun(catalogue, receiver)
        assert len(receiver.texts) == 2, "it is still not sent automatically"
        assert catalogue.alerts.retry_all() == 1
        begun(catalogue, receiver)
        assert receiver.texts[2:] == ["text 0"]


@pytest.mark.parametrize("plan", [Plan(), Plan(500)])
def test_a_known_receiver_gets_old_alerts(catalogue: Catalogue, plan: Plan):
    put(catalogue, 1)
    with webhook_server(plan, Plan()) as receiver:
        begun(catalogue, receiver)
        assert catalogue.alerts.add("late", "sweep", "an old one")
        aged(catalogue, "late", 3 * MAX_AGE_S)
        begun(catalogue, receiver)
        assert "an old one" in receiver.texts


def test_a_round_ends_after_repeated_failures(catalogue: Catalogue):
    put(catalogue, 10)
    with webhook_server(Plan(500)) as receiver:
        assert AlertDispatcher(catalogue, Webhook(receiver.url)).send_due() == Round(failed=MAX_FAILURES)
        assert len(receiver.texts) == MAX_FAILURES
    assert len(catalogue.alerts.due()) == 10 - MAX_FAILURES


def test_concurrent_dispatchers_send_each_alert_once(catalogue: Catalogue):
    put(catalogue, 30)
    with webhook_server() as receiver:
        start, rounds = threading.Barrier(5), []

        def work() -> None:
            start.wait(20)
            rounds.append(AlertDispatcher(catalogue, Webhook(receiver.url)).send_due())

        threads = [threading.Thread(target=work) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert sorted(receiver.texts) == sorted(f"text {each}" for each in range(30))
    assert sum(each.sent for each in rounds) == 30


def test_an_alert_claimed_by_a_dead_sender_is_sent_by_another(catalogue: Catalogue):
    put(catalogue, 1)
    assert catalogue.alerts.claim(only(catalogue), CLAIM_S)
    with webhook_server() as receiver:
        dispatcher = AlertDispatcher(catalogue, Webhook(receiver.url))
        assert dispatcher.send_due() == Round()
        make_due(catalogue)
        assert dispatcher.send_due() == Round(sent=1)
        assert len(receiver.texts) == 1


def test_new_alerts_are_sent_at_once_and_the_last_after_the_block(catalogue: Catalogue):
    put(catalogue, 1)
    with webhook_server() as receiver:
        with dispatching(AlertDispatcher(catalogue, Webhook(receiver.url)), poll_s=600) as thread:
            assert receiver.await_texts(1) == ["text 0"]
            assert alerts.sweep_problems(catalogue, ["A bucket is gone."])
            assert receiver.await_texts(2)[1:] == ["The sweeper found: A bucket is gone."]
            alerts.sweep_problems(catalogue, ["Two buckets are gone."])
        assert thread.join(20)
        assert len(receiver.texts) == 3


def test_a_hanging_receiver_does_not_block(catalogue: Catalogue):
    put(catalogue, 1)
    with webhook_server(Plan(how="hang")) as receiver:
        with dispatching(AlertDispatcher(catalogue, Webhook(receiver.url, timeout_s=3))) as thread:
            receiver.await_texts(1)
        assert not thread.join(0), "the block waited for the request"
        assert thread.join(30)
    assert only(catalogue).error.startswith("The webhook did not respond within 3 s")


def test_a_receiver_that_raises_does_not_end_the_thread(catalogue: Catalogue, caplog):
    class Broken:
        def __init__(self) -> None:
            self.asked = threading.Semaphore(0)

        def post(self, text: str) -> WebhookResponse:
            self.asked.release()
            raise LookupError("odd")

    put(catalogue, 1)
    receiver = Broken()
    thread = DispatcherThread(AlertDispatcher(catalogue, receiver), poll_s=0.05)
    thread.start()
    assert receiver.asked.acquire(timeout=20)
    make_due(catalogue)
    assert receiver.asked.acquire(timeout=20)
    thread.stop()
    assert thread.join(20)
    assert "Alerts could not be sent: LookupError: odd" in caplog.text


def test_pauses_grow_and_have_jitter():
    for tries, pause in enumerate(PAUSES_S):
        found = {pause_s(tries) for _ in range(50)}
        assert len(found) > 1
        assert all(pause <= each <= pause * (1 + JITTER) for each in found)
    assert PAUSES_S[-1] <= pause_s(99)
