"""Alerts are told once each, and tried again until they are sent or given up."""

import threading

import samples
from sqlalchemy import update

from adapters.catalogue import Alert, Catalogue
from adapters.catalogue.core.tables import alerts, database_now
from adapters.catalogue.messages.outbox import PAUSES_S


def make_due(catalogue: Catalogue) -> None:
    """Let all pauses be over."""
    with catalogue._writing() as connection:
        connection.execute(update(alerts).values(due_at=database_now() - 1))


def only(catalogue: Catalogue) -> Alert:
    [alert] = catalogue.alerts()
    return alert


def test_an_alert_is_there_once_with_all_that_it_tells(catalogue: Catalogue):
    samples.filled(catalogue, 1)
    campaign_id = samples.campaign().campaign_id
    text = "Spring is finished: 3 of 4 clips <b>passed</b>, nul \x00 and \ud800."
    assert catalogue.add_alert("finished:run", "finished", text, campaign_id=campaign_id, detail={"passed": 3})
    assert not catalogue.add_alert("finished:run", "budget", "something else")
    alert = only(catalogue)
    assert (alert.key, alert.kind, alert.campaign_id, alert.detail) == (
        "finished:run",
        "finished",
        campaign_id,
        {"passed": 3},
    )
    assert alert.text.startswith("Spring is finished: 3 of 4 clips <b>passed</b>")
    assert (alert.tries, alert.sent_at, alert.given_up_at, alert.error) == (0, None, None, "")
    assert catalogue.due_alerts() == [alert]


def test_what_is_due_comes_in_its_order(catalogue: Catalogue):
    for number in range(4):
        catalogue.add_alert(f"key {number}", "sweep", f"text {number}")
    assert [alert.text for alert in catalogue.due_alerts(limit=3)] == ["text 0", "text 1", "text 2"]
    assert [alert.text for alert in catalogue.alerts(limit=2)] == ["text 3", "text 2"]


def test_what_is_sent_is_not_due_and_not_taken(catalogue: Catalogue):
    catalogue.add_alert("key", "sweep", "text")
    [alert] = catalogue.due_alerts()
    catalogue.alert_failed(alert, "no answer")
    catalogue.alert_sent(alert)
    make_due(catalogue)
    assert catalogue.due_alerts() == []
    assert not catalogue.alert_taken(only(catalogue), 60.0)
    assert only(catalogue).sent_at
    assert (only(catalogue).error, only(catalogue).tries) == ("", 2), "the one that succeeded counts"
    assert not catalogue.add_alert("key", "sweep", "text"), "it is not told again"


def test_it_is_tried_after_longer_and_longer_pauses_and_then_given_up(catalogue: Catalogue):
    catalogue.add_alert("key", "sweep", "text")
    pauses = []
    while due := catalogue.due_alerts():
        catalogue.alert_failed(due[0], "it answered 500 \x00")
        alert = only(catalogue)
        if alert.given_up_at is None:
            assert catalogue.due_alerts() == []
            with catalogue._reading() as connection:
                pauses.append(round(alert.due_at - connection.execute(database_now().select()).scalar()))
        make_due(catalogue)
    assert pauses == [round(pause) for pause in PAUSES_S]
    assert (alert.tries, alert.sent_at) == (len(PAUSES_S) + 1, None)
    assert alert.given_up_at
    assert alert.error.startswith("it answered 500")
    assert not catalogue.alert_taken(only(catalogue), 60.0)


def test_one_who_has_taken_it_keeps_others_away_for_a_while(catalogue: Catalogue):
    catalogue.add_alert("key", "sweep", "text")
    [alert] = catalogue.due_alerts()
    assert catalogue.alert_taken(alert, 60.0)
    assert not catalogue.alert_taken(alert, 60.0)
    assert catalogue.due_alerts() == []
    make_due(catalogue)
    [again] = catalogue.due_alerts()
    assert catalogue.alert_taken(again, 60.0), "whoever took it first has died"


def test_who_fails_late_does_not_undo_what_another_has_sent(catalogue: Catalogue):
    catalogue.add_alert("key", "sweep", "text")
    [alert] = catalogue.due_alerts()
    catalogue.alert_sent(alert)
    catalogue.alert_failed(alert, "no answer", for_good=True)
    assert (only(catalogue).error, only(catalogue).given_up_at) == ("", None)
    assert only(catalogue).sent_at


def test_what_never_will_work_is_given_up_until_somebody_asks_for_it(catalogue: Catalogue):
    catalogue.add_alert("key", "sweep", "text")
    catalogue.alert_failed(only(catalogue), "it answered 404", for_good=True)
    make_due(catalogue)
    assert catalogue.due_alerts() == []
    assert catalogue.alerts_due_in_s() is None
    assert catalogue.retry_alerts() == 1
    [again] = catalogue.due_alerts()
    assert (again.tries, again.given_up_at, again.error) == (0, None, "it answered 404")


def test_a_receiver_is_left_alone_for_as_long_as_it_asks(catalogue: Catalogue):
    assert catalogue.alerts_due_in_s() is None
    catalogue.add_alert("key", "sweep", "text")
    assert catalogue.alerts_due_in_s() == 0.0
    catalogue.alert_failed(only(catalogue), "it answered 429", after_s=100.0)
    assert 90.0 < (catalogue.alerts_due_in_s() or 0.0) <= 100.0


def test_alerts_of_a_kind_and_of_a_campaign(catalogue: Catalogue):
    for number, kind in enumerate(("sweep", "budget", "budget")):
        catalogue.add_alert(f"{number}", kind, f"text {number}", campaign_id=f"c{number}")
    assert [alert.text for alert in catalogue.alerts(kind="budget")] == ["text 2", "text 1"]
    assert [alert.text for alert in catalogue.alerts(kind="budget", campaign_id="c1")] == ["text 1"]


def at_once(number: int, work) -> list:
    """Run ``work(n)`` in threads that begin together; return what they return."""
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


def test_of_many_one_adds_and_one_takes(catalogue: Catalogue):
    assert sum(at_once(6, lambda which: catalogue.add_alert("key", "sweep", f"text {which}"))) == 1
    [alert] = catalogue.due_alerts()
    assert sum(at_once(6, lambda _: catalogue.alert_taken(alert, 60.0))) == 1
