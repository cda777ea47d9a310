"""The dashboard delivers each approval eight seconds later, even if more approvals follow."""

from itertools import pairwise
from pathlib import Path

import pytest
import samples
from dashboard_client import session_in
from decisions import decide

from app.dashboard.background import deliveries
from app.dashboard.background.deliveries import UNDO_S, Deliveries

OWN = samples.campaign().campaign_id


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(deliveries.time, "monotonic", lambda: now[0])
    return now


def test_further_approvals_do_not_delay_a_delivery(tmp_path: Path, clock: list[float]):
    deps = Deliveries(session_in(tmp_path / "home"))
    delivered = []
    for second in range(40):
        clock[0] = 100.0 + second
        if second % 3 == 0:
            deps.schedule(["spring"])
        delivered += [(second, name) for name in deps._pop_due()]
    assert delivered[0] == (UNDO_S, "spring")
    assert [after - before for (before, _), (after, _) in pairwise(delivered)] == [3] * 10


def test_clips_approved_by_a_previous_process_are_delivered(tmp_path: Path, clock: list[float]):
    session = session_in(tmp_path / "home")
    deps = Deliveries(session)
    deps._schedule_unattended()
    assert deps._pop_due() == []
    key = next(row.variant_id for row in session.catalogue.variants.of_campaign(OWN) if row.state == "passed")
    decide(session.catalogue, [key], "approved", "person:ann")
    deps._schedule_unattended()
    clock[0] += 1
    assert deps._pop_due() == [OWN]


def test_clips_of_another_machine_are_shown_unless_it_is_running(tmp_path: Path, clock: list[float], monkeypatch):
    monkeypatch.setenv("REELMILL_HOME", str(tmp_path / "home"))
    session = session_in(tmp_path / "home")
    deps = Deliveries(session)
    key = next(row.variant_id for row in session.catalogue.variants.of_campaign(OWN) if row.state == "passed")
    with session.catalogue.database.writing() as connection:
        connection.exec_driver_sql(
            "UPDATE variants SET clip = json_set(clip, '$.machine', 'another') WHERE variant_id = ?", (key,)
        )
    decide(session.catalogue, [key], "approved", "person:ann")
    clock[0] += UNDO_S
    deps._deliver(OWN)
    assert "1 approved clip is not published by" in deps.problems[OWN]
    assert "because its files are in another REELMILL_HOME" in deps.problems[OWN]
    run_id = session.catalogue.runs.begin(OWN, "threads:another", "another:boot:1:1")
    deps._deliver(OWN)
    assert deps.problems == {}, "the run may be publishing them"
    session.catalogue.runs.end(run_id, "finished")
