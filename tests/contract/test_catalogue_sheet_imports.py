"""A sheet's content starts one campaign, even if several watchers see it or a watcher crashes during the import."""

import hashlib
import itertools
import multiprocessing

import pytest
import samples
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from adapters.catalogue import Catalogue, SheetImport, open_catalogue

PATIENCE = 600.0
SHA = "a" * 64


def take(catalogue: Catalogue, owner: str = "watcher", patience_s: float = PATIENCE, sha256: str = SHA) -> bool:
    return catalogue.sheet_imports.claim(sha256, "spring.csv", "/watched/spring.csv", owner, patience_s)


def known(catalogue: Catalogue, sha256: str = SHA) -> SheetImport:
    found = catalogue.sheet_imports.get(sha256)
    assert found
    return found


def test_a_content_is_claimed_once(catalogue: Catalogue):
    assert catalogue.sheet_imports.get(SHA) is None
    assert take(catalogue)
    assert not take(catalogue)
    assert not take(catalogue, "another")
    assert take(catalogue, sha256="b" * 64), "different content is a separate import"
    found = known(catalogue)
    assert (found.name, found.place, found.owner) == ("spring.csv", "/watched/spring.csv", "watcher")
    assert (found.state, found.tries, found.campaign_id) == ("taken", 1, None)
    assert {each.sha256 for each in catalogue.sheet_imports.all()} == {SHA, "b" * 64}
    assert len(catalogue.sheet_imports.all(limit=1)) == 1


def test_unusual_names_are_stored(catalogue: Catalogue):
    assert catalogue.sheet_imports.claim(SHA, "nul\x00 \ud800 <b>.csv", "s3://b/'; --", "watcher", PATIENCE)
    assert known(catalogue).name.endswith("<b>.csv")


@pytest.mark.parametrize("state", ["accepted", "refused"])
def test_a_finished_import_is_never_claimed_again(catalogue: Catalogue, state: str):
    samples.filled(catalogue, 1)
    campaign_id = samples.campaign().campaign_id if state == "accepted" else None
    assert take(catalogue)
    catalogue.sheet_imports.finish(
        SHA, state, campaign_id=campaign_id, detail="row 3 \x00" if state == "refused" else ""
    )
    assert not take(catalogue, "another", patience_s=-1.0)
    catalogue.sheet_imports.release(SHA, "I am late")
    assert not take(catalogue, "another", patience_s=-1.0)
    assert (known(catalogue).state, known(catalogue).campaign_id) == (state, campaign_id)
    assert known(catalogue).detail.rstrip("\ufffd ") == ("row 3" if state == "refused" else "")


def test_the_import_of_a_dead_watcher_is_claimed_by_another(catalogue: Catalogue):
    assert take(catalogue)
    assert take(catalogue, "another", patience_s=-1.0)
    assert (known(catalogue).owner, known(catalogue).tries) == ("another", 2)
    assert not take(catalogue, "a third")


def test_a_released_import_can_be_claimed_again_at_once(catalogue: Catalogue):
    assert take(catalogue)
    catalogue.sheet_imports.release(SHA, "The bucket does not respond.")
    assert known(catalogue).detail == "The bucket does not respond."
    assert take(catalogue, "another")
    assert not take(catalogue)
    assert known(catalogue).tries == 2


def test_an_accepted_import_stays_accepted(catalogue: Catalogue):
    """A slow watcher cannot overrule the one that took over from it."""
    assert take(catalogue)
    assert take(catalogue, "another", patience_s=-1.0)
    catalogue.sheet_imports.finish(SHA, "accepted", campaign_id="spring-1")
    catalogue.sheet_imports.finish(SHA, "refused", detail="the file is gone")
    assert (known(catalogue).state, known(catalogue).campaign_id, known(catalogue).detail) == (
        "accepted",
        "spring-1",
        "",
    )


def test_invalid_outcomes_are_refused(catalogue: Catalogue):
    take(catalogue)
    with pytest.raises(ValueError, match="invalid state 'taken'; use accepted or refused"):
        catalogue.sheet_imports.finish(SHA, "taken")


def _take_many(url: str, owner: str, start, answer) -> None:
    with open_catalogue(url) as catalogue:
        start.wait(30)
        answer.put(
            [
                number
                for number in range(20)
                if take(catalogue, owner, sha256=hashlib.sha256(bytes([number])).hexdigest())
            ]
        )


def test_each_content_is_claimed_by_one_process(catalogue: Catalogue):
    context = multiprocessing.get_context("spawn")
    start, answer = context.Barrier(3), context.Queue()
    processes = [
        context.Process(target=_take_many, args=(catalogue.url, f"process {number}", start, answer))
        for number in range(3)
    ]
    for process in processes:
        process.start()
    taken = [number for _ in processes for number in answer.get(timeout=60)]
    for process in processes:
        process.join(30)
    assert sorted(taken) == list(range(20))


contents = itertools.count()


class Watchers(RuleBasedStateMachine):
    """Two watchers see the same content, and events happen in any order."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__()
        self.catalogue = catalogue
        self.sha256 = hashlib.sha256(str(next(contents)).encode()).hexdigest()
        self.holder = ""
        self.takes = 0
        self.settled: tuple[str, str | None] | None = None

    @rule(owner=st.sampled_from(["a", "b"]), stale=st.booleans())
    def take(self, owner, stale):
        taken = take(self.catalogue, owner, -1.0 if stale else PATIENCE, self.sha256)
        assert taken == (self.settled is None and (not self.holder or stale))
        if taken:
            self.holder, self.takes = owner, self.takes + 1

    @rule()
    def release(self):
        self.catalogue.sheet_imports.release(self.sha256, "trouble")
        if self.settled is None:
            self.holder = ""

    @rule(state=st.sampled_from(["accepted", "refused"]))
    def settle(self, state):
        campaign_id = "spring-1" if state == "accepted" else None
        self.catalogue.sheet_imports.finish(self.sha256, state, campaign_id=campaign_id)
        if self.takes and (self.settled is None or self.settled[0] != "accepted"):
            self.settled = state, campaign_id

    @invariant()
    def the_stored_import_is_correct(self):
        found = self.catalogue.sheet_imports.get(self.sha256)
        assert (found is None) == (self.takes == 0)
        if found:
            assert (found.tries, found.state) == (self.takes, self.settled[0] if self.settled else "taken")
            assert found.campaign_id == (self.settled[1] if self.settled else None)


def test_no_order_of_events_starts_a_campaign_twice(catalogue: Catalogue):
    run_state_machine_as_test(
        lambda: Watchers(catalogue),
        settings=settings(
            max_examples=12, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
