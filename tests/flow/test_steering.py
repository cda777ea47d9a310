"""People steer campaigns while real drivers work on them: turns, priority, pause, cancel, windows and budgets."""

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import driver
import pytest
from cli_runner import reelmill
from decisions import decide
from sqlalchemy import create_engine, text

from adapters.catalogue import Catalogue, open_catalogue
from adapters.catalogue.work.runs import TURN
from flows.runtime.resources import resources_of
from flows.settings import load_settings
from flows.submit import submit
from manifests.variant import Variant
from models.protocols import Generated
from tasks.render.render import LEASED_AT_ONCE
from tasks.runtime import devices as devices_module

sys.path.append(str(Path(__file__).parents[1] / "faults"))

from audit import audit, collect

pytestmark = pytest.mark.usefixtures("prefect_server", "fake_models")
SOON_S = 15.0
"""Seconds within which an action takes effect; a clip of these drivers takes up to half a second."""


@pytest.fixture
def new_campaign(home: Path, tmp_path: Path) -> Callable[..., str]:
    """Register a campaign of one brief with a number of variants; by default, its clips wait for review."""

    def new(name: str, variants: int, review: str = "required") -> str:
        sheet = tmp_path / f"{name}.csv"
        sheet.write_text(f"brief_id,prompt,placements,variants\n{name},a red circle for {name},1:1,{variants}\n")
        settings = load_settings(review=review)
        opened = resources_of(settings)
        return submit(settings, opened, sheet).campaign_id

    return new


@pytest.fixture
def catalogue(home: Path):
    home.mkdir(parents=True, exist_ok=True)
    with open_catalogue(url_of(home), audit_key=resources_of(load_settings()).audit_key) as opened:
        yield opened


def url_of(home: Path) -> str:
    return f"sqlite:///{home / 'catalogue.sqlite'}"


def leased(home: Path, **names: str) -> list[str]:
    """Return the name of the campaign of each leased variant, in the order of the leases."""
    engine = create_engine(url_of(home))
    query = text(
        "SELECT m.campaign_id FROM events e JOIN memberships m ON m.variant_id = e.variant_id "
        "WHERE e.to_state = 'leased' ORDER BY e.event_id"
    )
    with engine.connect() as connection:
        rows = list(connection.execute(query).scalars())
    engine.dispose()
    called = {campaign_id: name for name, campaign_id in names.items()}
    return [called[row] for row in rows]


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until the condition is true."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "the condition did not become true in time"
        time.sleep(0.05)


def run_in_thread(**parameters: object) -> threading.Thread:
    from flows.campaign import campaign

    thread = threading.Thread(target=campaign, kwargs=parameters)
    thread.start()
    return thread


def leads(order: list[str], first: str, second: str, spare: int = 0) -> list[int]:
    """Return the lead of the first campaign after each lease, starting with the first lease of the second campaign.

    Args:
        spare: stop when one of them has this many leases left, because the last shard of a run does not wait.
    """
    begins = order.index(second)
    ends = min([at for at, name in enumerate(order) if name == which][-1 - spare] for which in (first, second))
    assert begins < ends, "the second campaign started after the first had ended"
    lead, seen = 0, []
    for name in order[begins : ends + 1]:
        lead += 1 if name == first else -1
        seen.append(lead)
    return seen


def is_ready(catalogue: Catalogue, campaign_id: str) -> bool:
    """Return whether a run of the campaign waits for the device, has it, or has had it."""
    return any(run.waiting or run.working or run.served for run in catalogue.runs.all(campaign_id))


def made(catalogue: Catalogue, campaign_id: str) -> int:
    states = catalogue.progress.tally(campaign_id)
    return sum(number for state, number in states.items() if state not in ("planned", "leased", "rendered"))


def check(home: Path) -> None:
    """Assert that no clip is missing, corrupt, orphaned, duplicate or unfinished."""
    bucket = home / "bucket"
    objects = {
        path.relative_to(bucket).as_posix(): path.read_bytes()
        for path in bucket.rglob("*")
        if path.is_file() and path.parent.name != ".incoming"
    }
    evidence = collect(url_of(home), objects)
    anchors = (home / "signer" / "root.pem").read_text()
    assert audit(evidence, dict.fromkeys(evidence.rows, "published"), anchors).counts == {}


class WaitingModel(driver.SlowModel):
    """A slow generator that stops after a few clips until a condition is true, so that a test does not race it."""

    def __init__(self, clip_s: float, after: int, condition: Callable[[], object]) -> None:
        super().__init__(clip_s)
        self._left = after
        self._condition = condition

    def generate(self, variants: Sequence[Variant]) -> Iterator[Generated | Exception]:
        for item in super().generate(variants):
            self._left -= 1
            if self._left < 0:
                wait_until(self._condition)
            yield item


def slow_down(monkeypatch, clip_s: float, condition: Callable[[], object] = lambda: True) -> None:
    """Generate a clip in ``clip_s`` seconds; after a few clips, wait until the condition is true."""
    monkeypatch.setattr(devices_module, "open_generator", lambda *_, **__: WaitingModel(clip_s, 8, condition))


def test_two_campaigns_on_one_device_take_turns(home, catalogue, new_campaign, monkeypatch):
    """The first campaign uses the device for one large shard; without turns, the second would have to wait for it."""
    first, second = new_campaign("first", 96), new_campaign("second", 64)
    slow_down(monkeypatch, 0.02, lambda: is_ready(catalogue, second))
    drivers = [run_in_thread(campaign_id=first, settings={"shard_size": 96})]
    wait_until(lambda: made(catalogue, first))
    drivers.append(run_in_thread(campaign_id=second, settings={"shard_size": 96}))
    for each in drivers:
        each.join(120)
    order = leased(home, first=first, second=second)
    assert Counter(order) == {"first": 96, "second": 64}
    seen = leads(order, "first", "second")
    assert max(seen) - min(seen) <= 2 * (TURN + LEASED_AT_ONCE), "the lead varies by more than a turn in each direction"
    assert sum(one != other for one, other in pairwise(order)) >= 3
    assert [row.outcome for row in catalogue.runs.all()] == ["finished", "finished"]


@pytest.mark.slow
def test_a_fast_driver_waits_for_a_slow_one(home, catalogue, new_campaign):
    """Two processes of one machine, each with its own model, share its devices and take turns."""
    fast, slow = new_campaign("fast", 120), new_campaign("slow", 40)
    drivers = [
        driver.start(0.0, campaign_id=fast, settings={"shard_size": 8}),
        driver.start(0.4, campaign_id=slow, settings={"shard_size": 8}),
    ]
    assert [driver.finish(each) for each in drivers] == [0, 0]
    order = leased(home, fast=fast, slow=slow)
    assert Counter(order) == {"fast": 120, "slow": 40}
    early, late = ("slow", "fast") if order.index("slow") < order.index("fast") else ("fast", "slow")
    ahead = max(map(abs, leads(order, early, late, spare=16)))
    assert ahead <= 2 * TURN + 2 * LEASED_AT_ONCE, "the lead is more than one turn for each of the two processes"


def test_a_higher_priority_goes_first(home, catalogue, new_campaign, monkeypatch):
    low, high = new_campaign("low", 96), new_campaign("high", 40)
    slow_down(monkeypatch, 0.02, lambda: is_ready(catalogue, high))
    drivers = [run_in_thread(campaign_id=low)]
    wait_until(lambda: made(catalogue, low))
    drivers.append(run_in_thread(campaign_id=high, priority=5))
    for each in drivers:
        each.join(120)
    order = leased(home, low=low, high=high)
    begins = order.index("high")
    assert order[begins : begins + 40] == ["high"] * 40
    assert Counter(order) == {"low": 96, "high": 40}
    assert begins < 90, "the campaign with the low priority had already ended"
    assert catalogue.campaigns.get(high).priority == 5


@pytest.mark.slow
def test_a_pause_from_another_process_ends_the_run_and_loses_nothing(home, catalogue, new_campaign, capsys):
    campaign_id = new_campaign("spring", 40, review="auto")
    process = driver.start(0.25, campaign_id=campaign_id)
    wait_until(lambda: catalogue.progress.tally(campaign_id).get("published", 0) >= 2)
    assert reelmill(capsys, "pause", "spring").code == 0
    at_pause, before = leased(home, spring=campaign_id), catalogue.progress.tally(campaign_id)
    wait_until(lambda: catalogue.runs.all(campaign_id)[0].ended_at, SOON_S)
    assert driver.finish(process) == 0
    assert leased(home, spring=campaign_id) == at_pause, "a lease was handed out after the pause"
    (run,) = catalogue.runs.all(campaign_id)
    after = catalogue.progress.tally(campaign_id)
    assert run.outcome == "paused"
    assert catalogue.leases.owners() == []
    assert after["published"] >= before["published"] >= 2
    assert after.get("leased", 0) == 0
    assert made(catalogue, campaign_id) == len(at_pause), "clips in progress were not finished"
    assert made(catalogue, campaign_id) < 40

    again = reelmill(capsys, "run", home.parent / "spring.csv")
    assert again.code == 3, "`reelmill run` ended the pause"
    assert "is paused by person:" in again.err
    done = reelmill(capsys, "resume", "spring", "--json")
    assert (done.code, json.loads(done.out)["outcome"]) == (0, "finished")
    assert catalogue.progress.tally(campaign_id) == {"published": 40}
    check(home)


@pytest.mark.slow
def test_cancelling_ends_the_leases_and_reopening_resumes(home, catalogue, new_campaign, capsys):
    campaign_id = new_campaign("spring", 24, review="auto")
    process = driver.start(0.5, campaign_id=campaign_id)
    wait_until(
        lambda: (
            catalogue.progress.tally(campaign_id).get("published", 0) >= 1
            and catalogue.progress.tally(campaign_id).get("leased", 0)
        )
    )
    answer = json.loads(reelmill(capsys, "cancel", "spring", "--reason", "wrong brand", "--json").out)
    assert answer["leases_ended"] >= 1
    assert catalogue.progress.tally(campaign_id).get("leased", 0) == 0
    at_cancel = made(catalogue, campaign_id)
    assert driver.finish(process) == 0
    (run,) = catalogue.runs.all(campaign_id)
    assert run.outcome == "cancelled"
    assert made(catalogue, campaign_id) == at_cancel, "a clip was stored after its lease was ended"
    assert catalogue.leases.owners() == []
    assert reelmill(capsys, "resume", "spring").code == 1
    assert reelmill(capsys, "resume", "spring", "--reopen").code == 0
    assert catalogue.progress.tally(campaign_id) == {"published": 24}
    check(home)


def test_a_campaign_paused_during_delivery_exits_as_stopped(home, catalogue, new_campaign, capsys):
    """Nothing is left to generate, and the approved clips wait."""
    campaign_id = new_campaign("spring", 2)
    reelmill(capsys, "resume", "spring")
    decide(catalogue, [row.variant_id for row in catalogue.variants.of_campaign(campaign_id)], "approved", "person:ann")
    reelmill(capsys, "pause", "spring")
    ended = reelmill(capsys, "resume", "spring", "--if-active")
    assert (ended.code, catalogue.progress.tally(campaign_id)) == (3, {"approved": 2})
    assert reelmill(capsys, "resume", "spring").code == 0
    assert catalogue.progress.tally(campaign_id) == {"published": 2}
    check(home)


def test_a_budget_ends_a_run_cleanly(home, catalogue, new_campaign, capsys, fake_models, reported_time):
    reported_time(fake_models)
    campaign_id = new_campaign("spring", 40)
    ended = reelmill(capsys, "resume", "spring", "--budget-hours", 0.1 / 3600)
    assert ended.code == 0
    assert "The budget of 2.77778e-05 device hours is used up; " in ended.err
    assert f"Resume with `reelmill resume {campaign_id}`." in ended.err
    (run,) = catalogue.runs.all(campaign_id)
    assert (run.outcome, catalogue.leases.owners()) == ("budget", [])
    assert 10 <= made(catalogue, campaign_id) <= 10 + 2 * LEASED_AT_ONCE, "a fake clip costs 0.01 s"
    assert reelmill(capsys, "resume", "spring").code == 0
    assert catalogue.progress.tally(campaign_id) == {"passed": 40}


def test_a_window_ends_a_run_cleanly(home, catalogue, new_campaign, capsys, monkeypatch):
    slow_down(monkeypatch, 0.2)
    campaign_id = new_campaign("spring", 60)
    until = datetime.now(UTC) + timedelta(seconds=4)
    ended = reelmill(capsys, "run", home.parent / "spring.csv", "--review", "required", "--until", until.isoformat())
    assert ended.code == 0
    assert f"Stopped at {until:%H:%M} (UTC) as requested; " in ended.err
    (run,) = catalogue.runs.all(campaign_id)
    assert run.outcome == "window"
    assert abs(run.ended_at - until.timestamp()) < SOON_S
    assert made(catalogue, campaign_id) < 60
    assert catalogue.leases.owners() == []
