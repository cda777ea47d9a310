"""Alerts are sent once each, and retried until they are sent or given up."""

import threading

import samples
from sqlalchemy import update

from adapters.catalogue import Alert, Catalogue
from adapters.catalogue.core.tables import alerts, database_now
from adapters.catalogue.messages.alerts import PAUSES_S


def make_due(catalogue: Catalogue) -> None:
    """Make all alerts due now."""
    with catalogue.database.writing() as connection:
        connection.execute(update(alerts).values(due_at=database_now() - 1))


def only(catalogue: Catalogue) -> Alert:
    [alert] = catalogue.alerts.all()
    return alert


def test_an_alert_is_stored_once_with_all_its_fields(catalogue: Catalogue):
    samples.filled(catalogue, 1)
    campaign_id = samples.campaign().campaign_id
    text = "Spring is finished: 3 of 4 clips <b>passed</b>, nul \x00 and \ud800."
    assert catalogue.alerts.add("finished:run", "finished", text, campaign_id=campaign_id, detail={"passed": 3})
    assert not catalogue.alerts.add("finished:run", "budget", "something else")
    alert = only(catalogue)
    assert (alert.key, alert.kind, alert.campaign_id, alert.detail) == (
        "finished:run",
        "finished",
        campaign_id,
        {"passed": 3},
    )
    assert alert.text.startswith("Spring is finished: 3 of 4 clips <b>passed</b>")
    assert (alert.tries, alert.sent_at, alert.given_up_at, alert.error) == (0, None, None, "")
    assert catalogue.alerts.due() == [alert]


def test_due_alerts_are_listed_oldest_first(catalogue: Catalogue):
    for number in range(4):
        catalogue.alerts.add(f"key {number}", "sweep", f"text {number}")
    assert [alert.text for alert in catalogue.alerts.due(limit=3)] == ["text 0", "text 1", "text 2"]
    assert [alert.text for alert in catalogue.alerts.all(limit=2)] == ["text 3", "text 2"]


def test_a_sent_alert_is_neither_due_nor_claimed(catalogue: Catalogue):
    catalogue.alerts.add("key", "sweep", "text")
    [alert] = catalogue.alerts.due()
    catalogue.alerts.mark_failed(alert, "no answer")
    catalogue.alerts.mark_sent(alert)
    make_due(catalogue)
    assert catalogue.alerts.due() == []
    assert not catalogue.alerts.claim(only(catalogue), 60.0)
    assert only(catalogue).sent_at
    assert (only(catalogue).error, only(catalogue).tries) == ("", 2), "the successful try counts too"
    assert not catalogue.alerts.add("key", "sweep", "text"), "a sent alert is not added again"


def test_an_alert_is_retried_with_growing_pauses_and_then_given_up(catalogue: Catalogue):
    catalogue.alerts.add("key", "sweep", "text")
    pauses = []
    while due := catalogue.alerts.due():
        catalogue.alerts.mark_failed(due[0], "it answered 500 \x00")
        alert = only(catalogue)
        if alert.given_up_at is None:
            assert catalogue.alerts.due() == []
            with catalogue.database.reading() as connection:
                pauses.append(round(alert.due_at - connection.execute(database_now().select()).scalar()))
        make_due(catalogue)
    assert pauses == [round(pause) for pause in PAUSES_S]
    assert (alert.tries, alert.sent_at) == (len(PAUSES_S) + 1, None)
    assert alert.given_up_at
    assert alert.error.startswith("it answered 500")
    assert not catalogue.alerts.claim(only(catalogue), 60.0)


def test_a_claimed_alert_is_not_claimed_again_until_the_claim_expires(catalogue: Catalogue):
    catalogue.alerts.add("key", "sweep", "text")
    [alert] = catalogue.alerts.due()
    assert catalogue.alerts.claim(alert, 60.0)
    assert not catalogue.alerts.claim(alert, 60.0)
    assert catalogue.alerts.due() == []
    make_due(catalogue)
    [again] = catalogue.alerts.due()
    assert catalogue.alerts.claim(again, 60.0), "the first claim has expired"


def test_a_late_failure_does_not_undo_a_sent_alert(catalogue: Catalogue):
    catalogue.alerts.add("key", "sweep", "text")
    [alert] = catalogue.alerts.due()
    catalogue.alerts.mark_sent(alert)
    catalogue.alerts.mark_failed(alert, "no answer", permanent=True)
    assert (only(catalogue).error, only(catalogue).given_up_at) == ("", None)
    assert only(catalogue).sent_at


def test_a_permanent_failure_is_given_up_until_a_person_retries_it(catalogue: Catalogue):
    catalogue.alerts.add("key", "sweep", "text")
    catalogue.alerts.mark_failed(only(catalogue), "it answered 404", permanent=True)
    make_due(catalogue)
    assert catalogue.alerts.due() == []
    assert catalogue.alerts.due_in_s() is None
    assert catalogue.alerts.retry_all() == 1
    [again] = catalogue.alerts.due()
    assert (again.tries, again.given_up_at, again.error) == (0, None, "it answered 404")


def test_the_pause_that_a_receiver_requests_is_kept(catalogue: Catalogue):
    assert catalogue.alerts.due_in_s() is None
    catalogue.alerts.add("key", "sweep", "text")
    assert catalogue.alerts.due_in_s() == 0.0
    catalogue.alerts.mark_failed(only(catalogue), "it answered 429", after_s=100.0)
    assert 90.0 < (catalogue.alerts.due_in_s() or 0.0) <= 100.0


def test_alerts_are_filtered_by_kind_and_campaign(catalogue: Catalogue):
    for number, kind in enumerate(("sweep", "budget", "budget")):
        catalogue.alerts.add(f"{number}", kind, f"text {number}", campaign_id=f"c{number}")
    assert [alert.text for alert in catalogue.alerts.all(kind="budget")] == ["text 2", "text 1"]
    assert [alert.text for alert in catalogue.alerts.all(kind="budget", campaign_id="c1")] == ["text 1"]


def at_once(number: int, work) -> list:
    """Run ``work(n)`` in threads that start at the same time; return their results."""
    answers: list = []
    start = threading.Barrier(number)

    def run(which: int) -> None:
        start.wait(20)
        answers.append(work(which))

    threads = [threading.Thread(target=run, args=(which,)) for which in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == number
    return answers


def test_only_one_of_several_concurrent_callers_adds_or_claims_an_alert(catalogue: Catalogue):
    assert sum(at_once(6, lambda which: catalogue.alerts.add("key", "sweep", f"text {which}"))) == 1
    [alert] = catalogue.alerts.due()
    assert sum(at_once(6, lambda _: catalogue.alerts.claim(alert, 60.0))) == 1
