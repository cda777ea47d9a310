"""No sequence of calls by workers and people violates the guarantees of the catalogue."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence

import samples
from decisions import decide
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from adapters.catalogue import TRANSITIONS, Catalogue, Event, Lease
from manifests.errors import LostLeaseError

VARIANTS = 4
OWNERS = st.sampled_from(["ann's machine", "bob's machine"])
PICK = st.integers(0, 1000)
SOME = st.lists(st.integers(0, VARIANTS - 1), min_size=1, max_size=VARIANTS, unique=True)
ASKED = st.sampled_from([("planned",), ("planned", "rendered"), ("approved", "signing")])
MAY_BE_HELD = {"leased", "rendered", "approved", "signing"}
seeds = itertools.count(0, VARIANTS)


class Workers(RuleBasedStateMachine):
    """Workers that crash or return late, and people who change their decisions."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__()
        self.catalogue = catalogue
        self.leases: list[Lease] = []
        self.campaign = samples.campaign(f"Campaign {next(seeds)}")
        catalogue.campaigns.add(self.campaign, {})
        items = samples.planned(VARIANTS, start=next(seeds))
        catalogue.campaigns.add_variants(self.campaign.campaign_id, items)
        self.ids = [item.variant_id for item in items]

    def some(self, numbers: Sequence[int]) -> list[str]:
        return [self.ids[number] for number in numbers]

    def attempt(self, pick: int, operate: Callable[[Lease], None]) -> None:
        lease = self.leases[pick % len(self.leases)]
        held = self.catalogue.variants.get(lease.variant_id)
        is_mine = (held.lease_owner, held.attempt) == (lease.owner, lease.attempt)
        try:
            operate(lease)
        except LostLeaseError:
            return
        assert is_mine, "a worker wrote without holding the lease"

    @rule(owner=OWNERS, numbers=SOME, states=ASKED)
    def lease(self, owner, numbers, states):
        self.leases += self.catalogue.leases.acquire(self.some(numbers), owner, 600.0, states, attempts_cap=4)

    @rule(owner=OWNERS)
    def expire(self, owner):
        self.catalogue.leases.renew(owner, -1.0)

    @rule(owner=OWNERS)
    def die(self, owner):
        self.catalogue.leases.release_owner(owner)

    @precondition(lambda self: self.leases)
    @rule(pick=PICK)
    def release(self, pick):
        self.catalogue.leases.release([self.leases[pick % len(self.leases)]])

    @precondition(lambda self: self.leases)
    @rule(
        pick=PICK,
        step=st.sampled_from(
            [
                lambda c, lease: c.results.mark_rendered(lease, samples.clip(lease.variant_id)),
                lambda c, lease: c.results.mark_judged(
                    lease, samples.score(lease.variant_id), samples.passed(lease.variant_id)
                ),
                lambda c, lease: c.results.mark_judged(
                    lease, samples.score(lease.variant_id), samples.failed(lease.variant_id)
                ),
                lambda c, lease: c.results.mark_failed(lease, "out of memory"),
                lambda c, lease: c.results.mark_signing(lease, samples.facts(lease.variant_id)),
                lambda c, lease: c.results.mark_published(lease, "https://clips.example/x.mp4"),
                lambda c, lease: c.results.requeue(lease, "the master is gone"),
            ]
        ),
    )
    def work(self, pick, step):
        self.attempt(pick, lambda lease: step(self.catalogue, lease))

    @precondition(lambda self: self.leases)
    @rule(numbers=st.lists(PICK, min_size=1, max_size=3))
    def record(self, numbers):
        batch = {lease.variant_id: lease for lease in (self.leases[pick % len(self.leases)] for pick in numbers)}
        self.catalogue.results.record_batch(
            [(lease, samples.clip(key), samples.score(key), samples.passed(key)) for key, lease in batch.items()]
        )

    @rule(
        numbers=SOME,
        decide=st.sampled_from(
            [
                lambda c, ids: c.decisions.approve(ids),
                lambda c, ids: decide(c, ids, "approved", "ann", "I like it"),
                lambda c, ids: decide(c, ids, "rejected", "ann", "dull"),
                lambda c, ids: decide(c, ids, "withdrawn", "ann", "rights"),
                lambda c, ids: c.decisions.quarantine(ids, "odd"),
                lambda c, ids: c.decisions.regate([samples.passed(ids[0])]),
                lambda c, ids: c.decisions.regate([samples.failed(ids[0])]),
            ]
        ),
    )
    def decide(self, numbers, decide):
        decide(self.catalogue, self.some(numbers))

    @rule(quarantined=st.booleans())
    def retry(self, quarantined):
        self.catalogue.decisions.retry_failed(self.campaign.campaign_id, quarantined=quarantined)

    @rule(number=st.integers(0, VARIANTS - 1))
    def walk(self, number):
        """Advance a variant to approved, so that late states occur often enough."""
        if self.catalogue.variants.get(self.ids[number]).state == "planned":
            samples.bring_to(self.catalogue, self.ids[number], "approved")

    @invariant()
    def events_match_the_state(self):
        events: defaultdict[str, list[Event]] = defaultdict(list)
        for event in self.catalogue.variants.events(self.campaign.campaign_id):
            events[event.variant_id].append(event)
        for row in self.catalogue.variants.of_campaign(self.campaign.campaign_id):
            chain = [None, *(event.to_state for event in events[row.variant_id])]
            assert [event.from_state for event in events[row.variant_id]] == chain[:-1]
            assert chain[-1] == row.state
            assert all(after in TRANSITIONS[before] for before, after in itertools.pairwise(chain[1:]))
            assert chain.count("published") <= 1

    @invariant()
    def facts_match_the_state(self):
        for row in self.catalogue.variants.of_campaign(self.campaign.campaign_id):
            assert row.lease_owner is None or row.state in MAY_BE_HELD
            assert row.lease_owner is not None or row.state != "leased"
            assert row.state not in ("signing", "published", "withdrawn") or row.signed
            assert (row.url is not None) == (row.state in ("published", "withdrawn"))
            assert row.state not in ("passed", "approved", "rejected", "published") or row.clip

    @invariant()
    def no_variant_is_lost(self):
        assert sum(self.catalogue.progress.tally(self.campaign.campaign_id).values()) == VARIANTS


def test_no_sequence_of_calls_violates_the_guarantees(catalogue: Catalogue):
    run_state_machine_as_test(
        lambda: Workers(catalogue),
        settings=settings(
            max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
