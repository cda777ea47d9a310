"""Alerts reach a real receiver once each, on each engine, whatever it answers and however many send."""

import threading
import time
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
    JITTER,
    PAST_S,
    PATIENCE,
    TAKEN_S,
    AlertDispatcher,
    Beat,
    Round,
    at_work,
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


def test_what_is_due_is_sent_once_in_its_order(catalogue: Catalogue):
    put(catalogue, 25)
    with webhook_server() as receiver:
        dispatcher = AlertDispatcher(catalogue, Webhook(receiver.url))
        assert dispatcher.send_due() == Round(sent=25)
        assert dispatcher.send_due() == Round()
    assert receiver.texts == [f"text {each}" for each in range(25)]
    assert all(alert.sent_at for alert in catalogue.alerts.all())


def test_one_that_fails_twice_and_then_accepts(catalogue: Catalogue):
    put(catalogue, 1)
    with webhook_server(Plan(500), Plan(503, {"Retry-After": "4000"}), Plan()) as receiver:
        dispatcher = AlertDispatcher(catalogue, Webhook(receiver.url))
        assert dispatcher.send_due() == Round(failed=1)
        assert PAUSES_S[0] - 3 < (catalogue.alerts.due_in_s() or 0) <= PAUSES_S[0] * (1 + JITTER)
        assert dispatcher.send_due() == Round(), "it is not tried before its pause is over"
        make_due(catalogue)
        assert dispatcher.send_due() == Round(failed=1)
        assert 3990 < (catalogue.alerts.due_in_s() or 0) <= 4000, "the receiver's wish goes over the pause"
        make_due(catalogue)
        assert dispatcher.send_due() == Round(sent=1)
    assert (only(catalogue).tries, only(catalogue).error) == (3, "")
    assert len(receiver.texts) == 3


def test_what_never_will_work_is_given_up_at_once_with_its_reason(catalogue: Catalogue):
    put(catalogue, 1)
    with webhook_server(Plan(404, body="no_service")) as receiver:
        assert AlertDispatcher(catalogue, Webhook(receiver.url)).send_due() == Round(failed=1)
    assert only(catalogue).given_up_at
    assert only(catalogue).error == "The webhook answered 404 (no_service); check REELMILL_ALERT_WEBHOOK."


def aged(catalogue: Catalogue, key: str, seconds: float) -> None:
    with catalogue.database.writing() as connection:
        connection.execute(update(rows).where(rows.c.key == key).values(at=database_now() - seconds))


def begun(catalogue: Catalogue, receiver: WebhookServer) -> None:
    """Let a beat make its rounds, the first and the last."""
    with at_work(AlertDispatcher(catalogue, Webhook(receiver.url))) as beat:
        pass
    assert beat.await_end(20)


def test_a_new_receiver_does_not_get_the_past_and_a_person_may_send_it(catalogue: Catalogue, caplog):
    put(catalogue, 3)
    aged(catalogue, "key 0", PAST_S + 60)
    aged(catalogue, "key 1", PAST_S - 60)
    with webhook_server() as receiver:
        begun(catalogue, receiver)
        assert receiver.texts == ["text 1", "text 2"]
        assert "1 alert older than 24 h is kept and not sent; `reelmill alerts send`" in caplog.text
        numbers = catalogue.metrics.numbers()
        assert (numbers.alerts_waiting, numbers.alerts_given_up, numbers.alerts_kept) == (0, 0, 1)
        begun(catalogue, receiver)
        assert len(receiver.texts) == 2, "it stays kept"
        assert catalogue.alerts.retry_all() == 1
        begun(catalogue, receiver)
        assert receiver.texts[2:] == ["text 0"]


@pytest.mark.parametrize("plan", [Plan(), Plan(500)])
def test_a_receiver_that_was_there_gets_what_an_absence_left(catalogue: Catalogue, plan: Plan):
    put(catalogue, 1)
    with webhook_server(plan, Plan()) as receiver:
        begun(catalogue, receiver)
        assert catalogue.alerts.add("late", "sweep", "an old one")
        aged(catalogue, "late", 3 * PAST_S)
        begun(catalogue, receiver)
        assert "an old one" in receiver.texts


def test_a_receiver_that_fails_is_left_alone_for_the_round(catalogue: Catalogue):
    put(catalogue, 10)
    with webhook_server(Plan(500)) as receiver:
        assert AlertDispatcher(catalogue, Webhook(receiver.url)).send_due() == Round(failed=PATIENCE)
        assert len(receiver.texts) == PATIENCE
    assert len(catalogue.alerts.due()) == 10 - PATIENCE


def test_several_at_once_send_each_once(catalogue: Catalogue):
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


def test_what_a_sender_has_taken_and_died_over_is_sent_by_the_next(catalogue: Catalogue):
    put(catalogue, 1)
    assert catalogue.alerts.claim(only(catalogue), TAKEN_S)
    with webhook_server() as receiver:
        dispatcher = AlertDispatcher(catalogue, Webhook(receiver.url))
        assert dispatcher.send_due() == Round()
        make_due(catalogue)
        assert dispatcher.send_due() == Round(sent=1)
        assert len(receiver.texts) == 1


def test_beside_work_new_alerts_go_out_at_once_and_the_last_after_it(catalogue: Catalogue):
    put(catalogue, 1)
    with webhook_server() as receiver:
        with at_work(AlertDispatcher(catalogue, Webhook(receiver.url)), look_s=600) as beat:
            assert receiver.await_texts(1) == ["text 0"]
            assert alerts.swept(catalogue, ["A bucket is gone."])
            assert receiver.await_texts(2)[1:] == ["The sweeper found: A bucket is gone."]
            alerts.swept(catalogue, ["Two buckets are gone."])
        assert beat.await_end(20)
        assert len(receiver.texts) == 3


def test_a_receiver_that_hangs_holds_nobody(catalogue: Catalogue):
    put(catalogue, 1)
    with webhook_server(Plan(how="hang")) as receiver:
        with at_work(AlertDispatcher(catalogue, Webhook(receiver.url, whole_s=3))) as beat:
            receiver.await_texts(1)
            began = time.monotonic()
        assert time.monotonic() - began < 1
        assert beat.await_end(30)
    assert only(catalogue).error.startswith("The webhook did not answer within 3 s")


def test_a_receiver_that_breaks_its_word_does_not_end_the_rounds(catalogue: Catalogue, caplog):
    class Broken:
        def __init__(self) -> None:
            self.asked = threading.Semaphore(0)

        def post(self, text: str) -> WebhookResponse:
            self.asked.release()
            raise LookupError("odd")

    put(catalogue, 1)
    receiver = Broken()
    beat = Beat(AlertDispatcher(catalogue, receiver), look_s=0.05)
    beat.start()
    assert receiver.asked.acquire(timeout=20)
    make_due(catalogue)
    assert receiver.asked.acquire(timeout=20)
    beat.leave()
    assert beat.await_end(20)
    assert "Alerts could not be sent: LookupError: odd" in caplog.text


def test_pauses_grow_with_some_chance_in_them():
    for tries, pause in enumerate(PAUSES_S):
        found = {pause_s(tries) for _ in range(50)}
        assert len(found) > 1
        assert all(pause <= each <= pause * (1 + JITTER) for each in found)
    assert PAUSES_S[-1] <= pause_s(99)
