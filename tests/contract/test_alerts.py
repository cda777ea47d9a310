"""Alerts about runs, gates, workers and sweeps: each is created once, and a failing alert does not stop a run."""

from collections.abc import Iterator

import pytest
import samples

from adapters.catalogue import Alert, Catalogue
from adapters.catalogue.messages.alerts import Alerts
from manifests.errors import BrokenDeviceError, CatalogueUnreachableError
from tasks.alerts import alerts
from tasks.alerts.alerts import (
    check_pass_rate,
    flow_run_ended,
    run_ended,
    run_lost,
    sheet_waits,
    sweep_problems,
    worker_lost,
)
from tasks.runtime.logs.redaction import MASK

CAMPAIGN = samples.campaign().campaign_id


@pytest.fixture(autouse=True)
def listeners() -> Iterator[None]:
    before = list(alerts.listeners)
    yield
    alerts.listeners[:] = before


def only(catalogue: Catalogue) -> Alert:
    [alert] = catalogue.alerts.all()
    return alert


def judge(catalogue: Catalogue, passed: int, failed: int, start: int) -> None:
    """Add verdicts, those that passed first."""
    planned = samples.planned(passed + failed, start=start)
    catalogue.campaigns.add_variants(CAMPAIGN, planned)
    leases = samples.take(catalogue, [item.variant_id for item in planned])
    for index, lease in enumerate(leases):
        verdict = samples.passed if index < passed else samples.failed
        catalogue.results.mark_rendered(lease, samples.clip(lease.variant_id))
        catalogue.results.mark_judged(lease, samples.score(lease.variant_id), verdict(lease.variant_id))


def test_a_finished_run_creates_one_alert_with_counts_and_a_link(catalogue: Catalogue):
    ids = samples.filled(catalogue, 3)
    samples.bring_to(catalogue, ids[0], "published")
    run_id = catalogue.runs.begin(CAMPAIGN, "pool", "owner")
    catalogue.runs.book(run_id, 1, 4.25)
    assert run_ended(catalogue, CAMPAIGN, run_id, "finished", "https://review.example/")
    assert not run_ended(catalogue, CAMPAIGN, run_id, "finished", "https://review.example/")
    alert = only(catalogue)
    assert alert.text == f"Campaign Spring ({CAMPAIGN}) has finished: 2 planned, 1 published."
    assert alert.detail == {
        "run_id": run_id,
        "outcome": "finished",
        "device_s": 4.2,
        "states": {"planned": 2, "published": 1},
        "link": f"https://review.example/campaigns/{CAMPAIGN}",
    }


@pytest.mark.parametrize(
    ("outcome", "kind", "words"),
    [
        ("budget", "budget", "has stopped because its budget is used up. 2 variants are not generated yet."),
        ("window", "budget", "has stopped because its time window ended. 2 variants are not generated yet."),
        ("lost", "worker-lost", "has stopped because its process died. 2 variants are not generated yet."),
        ("failed", "failed", "has failed. 2 variants are not generated yet. Resume with `reelmill resume"),
    ],
)
def test_other_outcomes(catalogue: Catalogue, outcome, kind, words):
    samples.filled(catalogue, 2)
    assert run_ended(catalogue, CAMPAIGN, "run", outcome, "")
    assert only(catalogue).kind == kind
    assert words in only(catalogue).text


def test_the_alert_of_a_run_that_waits_for_an_account_gives_the_commands_in_their_order(catalogue: Catalogue):
    samples.filled(catalogue, 2)
    why = "the account acme is paused. Fix the cause, then run `reelmill providers resume acme`"
    assert run_ended(catalogue, CAMPAIGN, "run", "left", "", why)
    expected = f"{why}. 2 variants are not generated yet. Then continue with `reelmill resume {CAMPAIGN}`."
    assert expected in only(catalogue).text


def test_a_run_that_failed_names_its_error_without_secrets(catalogue: Catalogue):
    samples.filled(catalogue, 1)
    try:
        raise BrokenDeviceError("cuda:0 fell off; password=hunter22\nat line 3")
    except BrokenDeviceError:
        assert run_ended(catalogue, CAMPAIGN, "run", "failed", "")
    assert f"has failed: cuda:0 fell off; password={MASK} 1 variant is not generated yet." in only(catalogue).text
    assert "line 3" not in only(catalogue).text


@pytest.mark.parametrize("outcome", ["paused", "cancelled"])
def test_actions_of_people_create_no_alert(catalogue: Catalogue, outcome):
    samples.filled(catalogue, 1)
    assert not run_ended(catalogue, CAMPAIGN, "run", outcome, "")
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert not run_ended(catalogue, CAMPAIGN, "run", "failed", "")
    assert catalogue.alerts.all() == []


def test_a_pass_rate_drop_alerts_once_and_again_after_a_recovery(catalogue: Catalogue):
    samples.filled(catalogue, 0)
    judge(catalogue, 40, 0, 100)
    assert not check_pass_rate(catalogue, CAMPAIGN)
    judge(catalogue, 0, 30, 200)
    assert check_pass_rate(catalogue, CAMPAIGN)
    alert = only(catalogue)
    assert (
        "none of the last 30 clips passed the gate, compared with 100% before. Main reasons: black picture."
        in alert.text
    )
    assert (alert.detail["judged"], alert.detail["passed"], alert.detail["reasons"]) == (30, 0, {"black": 30})
    assert not check_pass_rate(catalogue, CAMPAIGN)
    judge(catalogue, 0, 60, 300)
    assert not check_pass_rate(catalogue, CAMPAIGN), "it is still the same drop"
    judge(catalogue, 70, 0, 400)
    judge(catalogue, 0, 60, 500)
    assert check_pass_rate(catalogue, CAMPAIGN)
    assert len(catalogue.alerts.all(kind="gate-collapsed", campaign_id=CAMPAIGN)) == 2


def test_verdicts_of_other_campaigns_do_not_count(catalogue: Catalogue):
    samples.filled(catalogue, 0)
    judge(catalogue, 0, 70, 100)
    other = samples.campaign("Autumn")
    catalogue.campaigns.add(other, {})
    assert catalogue.metrics.verdicts(other.campaign_id).passed == ()
    assert not check_pass_rate(catalogue, other.campaign_id)
    assert check_pass_rate(catalogue, CAMPAIGN)


def test_a_lost_worker_creates_one_alert_with_its_leases(catalogue: Catalogue):
    ids = samples.filled(catalogue, 2)
    assert worker_lost(catalogue, "gpu-7:ab12:4711:99", ids)
    assert not worker_lost(catalogue, "gpu-7:ab12:4711:99", ids[:1])
    alert = only(catalogue)
    assert alert.text.startswith(
        "A worker was lost: process 4711 on gpu-7. Its leases on 2 clips pass to other workers."
    )
    assert (alert.campaign_id, alert.detail["campaigns"], alert.detail["variants"]) == (CAMPAIGN, [CAMPAIGN], ids)
    assert worker_lost(catalogue, "odd", [])


def test_problems_of_a_sweep_alert_once_a_day(catalogue: Catalogue):
    assert not sweep_problems(catalogue, [])
    problems = [f"Clip {number} is gone." for number in range(7)]
    assert sweep_problems(catalogue, problems, {"gone": 7})
    assert not sweep_problems(catalogue, reversed(problems))
    assert only(catalogue).text.startswith("The sweeper found: Clip 0 is gone. Clip 1 is gone.")
    assert only(catalogue).text.endswith("And 2 more.")


def test_an_unreachable_catalogue_does_not_raise(catalogue: Catalogue, monkeypatch, caplog):
    def away(*_args, **_kwargs):
        raise CatalogueUnreachableError

    samples.filled(catalogue, 1)
    monkeypatch.setattr(Alerts, "add", away)
    assert not run_ended(catalogue, CAMPAIGN, "run", "finished", "")
    assert not sweep_problems(catalogue, ["odd"])
    assert "An alert could not be stored" in caplog.text


def test_listeners_get_new_alerts_and_their_errors_are_ignored(catalogue: Catalogue):
    heard = []
    alerts.listeners.extend([lambda alert: 1 / 0, heard.append])
    assert sweep_problems(catalogue, ["odd"])
    assert not sweep_problems(catalogue, ["odd"])
    assert [alert.text for alert in heard] == ["The sweeper found: odd"]


def test_names_of_campaigns_are_one_line_of_bounded_length(catalogue: Catalogue):
    odd = samples.campaign("A\nB\u202eC" + "x" * 300)
    catalogue.campaigns.add(odd, {})
    assert run_ended(catalogue, odd.campaign_id, "run", "finished", "")
    assert only(catalogue).text.startswith("Campaign A B Cxxx")
    assert "\n" not in only(catalogue).text
    assert len(only(catalogue).text) < 300


def test_numbers_are_those_of_the_catalogue(catalogue: Catalogue):
    ids = samples.filled(catalogue, 4)
    samples.bring_to(catalogue, ids[0], "published")
    samples.bring_to(catalogue, ids[1], "failed")
    [lease] = samples.take(catalogue, [ids[2]])
    run_id = catalogue.runs.begin(CAMPAIGN, "pool", "owner")
    catalogue.runs.book(run_id, 2, 7.5)
    catalogue.alerts.add("key", "sweep", "text")
    snapshot = catalogue.metrics.snapshot()
    assert (snapshot.leases, snapshot.expired, snapshot.spent_s) == (1, 0, 7.5)
    assert (snapshot.campaigns, snapshot.outcomes, snapshot.arrivals) == ({"active": 1}, {"": 1}, {})
    assert (snapshot.alerts_waiting, snapshot.alerts_given_up) == (1, 0)
    assert snapshot.recent == (1, 1, 1)
    assert catalogue.metrics.all_states() == {"published": 1, "failed": 1, "leased": 1, "planned": 1}
    assert lease.variant_id == ids[2]


def test_a_lost_run_is_reported_if_nothing_continues_its_work(catalogue: Catalogue):
    samples.filled(catalogue, 3)
    run = catalogue.runs.get(catalogue.runs.begin(CAMPAIGN, "pool", "owner"))
    assert run_lost(catalogue, run, "")
    assert "has stopped because its process died. 3 variants are not generated yet." in only(catalogue).text


def test_a_lost_run_that_another_run_has_continued_is_no_news(catalogue: Catalogue):
    samples.filled(catalogue, 3)
    lost = [catalogue.runs.get(catalogue.runs.begin(CAMPAIGN, "pool", f"owner {number}")) for number in range(3)]
    catalogue.runs.end(catalogue.runs.begin(CAMPAIGN, "pool", "last"), "finished")
    assert [run_lost(catalogue, run, "") for run in lost] == [False] * 3
    assert catalogue.alerts.all() == []


def test_a_lost_run_that_had_nothing_left_to_do_is_no_news(catalogue: Catalogue):
    [variant_id] = samples.filled(catalogue, 1)
    run = catalogue.runs.get(catalogue.runs.begin(CAMPAIGN, "pool", "owner"))
    samples.bring_to(catalogue, variant_id, "published")
    assert not run_lost(catalogue, run, "")


def test_a_lost_run_whose_clips_are_not_published_is_reported(catalogue: Catalogue):
    [variant_id] = samples.filled(catalogue, 1)
    run = catalogue.runs.get(catalogue.runs.begin(CAMPAIGN, "pool", "owner"))
    samples.bring_to(catalogue, variant_id, "approved")
    assert run_lost(catalogue, run, "")


def test_a_flow_run_is_reported_once(catalogue: Catalogue):
    assert flow_run_ended(catalogue, "1", "The nightly run has crashed.")
    assert not flow_run_ended(catalogue, "1", "The nightly run has crashed: in other words.")
    assert flow_run_ended(catalogue, "2", "The nightly run has crashed.")
    assert flow_run_ended(catalogue, "", "The sweeper has failed: x.")
    assert not flow_run_ended(catalogue, "", "The sweeper has failed: x."), "the same problem on the same day"
    assert {alert.kind for alert in catalogue.alerts.all()} == {"failed"}


def test_a_waiting_sheet_is_reported_once_a_day(catalogue: Catalogue):
    assert sheet_waits(catalogue, "spring\n.csv", "The bucket does not respond.")
    assert not sheet_waits(catalogue, "spring\n.csv", "Another reason.")
    assert only(catalogue).text == (
        "The sheet spring .csv in the watched place is waiting: The bucket does not respond. It is retried "
        "automatically."
    )
