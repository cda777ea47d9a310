"""State transitions: every legal one records an event, every other one is refused."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
import samples
from decisions import decide

from adapters.catalogue import STATES, TRANSITIONS, Catalogue, Lease
from manifests.clip import UNKNOWN
from manifests.errors import LostLeaseError

Operation = Callable[[Catalogue, str, Lease], object]

OPERATIONS: dict[str, tuple[Operation, dict[str, str]]] = {
    "rendered": (
        lambda c, v, lease: c.results.mark_rendered(lease, samples.clip(v)),
        {"leased": "rendered", "rendered": "rendered"},
    ),
    "judged passed": (
        lambda c, v, lease: c.results.mark_judged(lease, samples.score(v), samples.passed(v)),
        {"rendered": "passed"},
    ),
    "judged failed": (
        lambda c, v, lease: c.results.mark_judged(lease, samples.score(v, None), samples.failed(v)),
        {"rendered": "failed"},
    ),
    "generation failed": (
        lambda c, v, lease: c.results.mark_failed(lease, "out of memory"),
        {"leased": "failed", "rendered": "failed"},
    ),
    "requeue": (lambda c, v, lease: c.results.requeue(lease, "the master is gone"), {"signing": "planned"}),
    "signed": (lambda c, v, lease: c.results.mark_signing(lease, samples.facts(v)), {"signing": "signing"}),
    "published": (lambda c, v, lease: c.results.mark_published(lease, "https://x.example/1"), {"signing": "published"}),
    "approve": (lambda c, v, lease: decide(c, [v], "approved", "ann"), {"passed": "approved"}),
    "approve with reason": (
        lambda c, v, lease: decide(c, [v], "approved", "ann", "I like it"),
        {"passed": "approved", "failed": "approved"},
    ),
    "approve by policy": (lambda c, v, lease: c.decisions.approve([v]), {"passed": "approved"}),
    "reject": (
        lambda c, v, lease: decide(c, [v], "rejected", "ann", "dull"),
        {"passed": "rejected", "failed": "rejected"},
    ),
    "withdraw": (lambda c, v, lease: decide(c, [v], "withdrawn", "ann", "rights"), {"published": "withdrawn"}),
    "regate to passed": (lambda c, v, lease: c.decisions.regate([samples.passed(v)]), {"failed": "passed"}),
    "regate to failed": (lambda c, v, lease: c.decisions.regate([samples.failed(v)]), {"passed": "failed"}),
    "retry": (lambda c, v, lease: c.decisions.retry_failed(samples.campaign().campaign_id), {"failed": "planned"}),
    "retry quarantined": (
        lambda c, v, lease: c.decisions.retry_failed(samples.campaign().campaign_id, quarantined=True),
        {"failed": "planned", "quarantined": "planned"},
    ),
    "quarantine": (
        lambda c, v, lease: c.decisions.quarantine([v], "odd"),
        {state: "quarantined" for state, targets in TRANSITIONS.items() if "quarantined" in targets},
    ),
}
WORKERS = (
    "rendered",
    "judged passed",
    "judged failed",
    "generation failed",
    "requeue",
    "signed",
    "published",
)


@pytest.mark.parametrize("state", STATES)
def test_each_operation_is_allowed_only_from_its_states(catalogue: Catalogue, state: str):
    for name, (operate, moves), variant_id in zip(
        OPERATIONS, OPERATIONS.values(), samples.filled(catalogue, len(OPERATIONS)), strict=True
    ):
        held = samples.bring_to(catalogue, variant_id, state)
        lease = held or Lease(variant_id, "me", 1, catalogue.variants.get(variant_id))
        before = catalogue.variants.get(variant_id), catalogue.variants.events(variant_id=variant_id)
        if name in WORKERS and state not in moves:
            with pytest.raises(LostLeaseError, match=variant_id):
                operate(catalogue, variant_id, lease)
        else:
            operate(catalogue, variant_id, lease)
        events = catalogue.variants.events(variant_id=variant_id)
        if state in moves:
            assert catalogue.variants.get(variant_id).state == moves[state], name
            assert [(event.from_state, event.to_state) for event in events[len(before[1]) :]] == [
                (state, moves[state])
            ], name
            assert moves[state] in TRANSITIONS[state]
        else:
            assert (catalogue.variants.get(variant_id), events) == before, name


@pytest.mark.parametrize("next_owner", ["other", "me"])
@pytest.mark.parametrize("state", ["leased", "rendered", "signing"])
def test_a_worker_that_lost_its_lease_writes_nothing(catalogue: Catalogue, state: str, next_owner: str):
    ids = samples.filled(catalogue, len(WORKERS))
    for name, variant_id in zip(WORKERS, ids, strict=True):
        lease = samples.bring_to(catalogue, variant_id, state)
        assert lease
        catalogue.leases.release_owner("me")
        again = samples.take(catalogue, [variant_id], ("planned", state), owner=next_owner)
        before = catalogue.variants.get(variant_id), catalogue.variants.events(variant_id=variant_id)
        with pytest.raises(LostLeaseError):
            OPERATIONS[name][0](catalogue, variant_id, lease)
        assert (catalogue.variants.get(variant_id), catalogue.variants.events(variant_id=variant_id)) == before
        assert again[0].attempt == lease.attempt + 1


def test_every_fact_is_kept_from_planned_to_published(catalogue: Catalogue):
    (variant_id,) = samples.filled(catalogue, 1)
    samples.bring_to(catalogue, variant_id, "published")
    row = catalogue.variants.get(variant_id)
    assert row.clip == replace(samples.clip(variant_id), path=UNKNOWN, poster=UNKNOWN)  # paths are never read back
    assert row.score == samples.score(variant_id)
    assert row.signed == samples.facts(variant_id)
    assert row.url == f"https://clips.example/{variant_id}.mp4"
    assert (row.lease_owner, row.lease_expires, row.reasons) == (None, None, ())
    events = catalogue.variants.events(variant_id=variant_id)
    assert [event.to_state for event in events] == [
        "planned",
        "leased",
        "rendered",
        "passed",
        "approved",
        "signing",
        "published",
    ]
    assert [event.actor for event in events] == ["system", "me", "me", "me", "ann", "me", "me"]
    assert events[-2].detail["keys"] == list(samples.facts(variant_id).keys)
    assert all(first.at <= second.at for first, second in pairwise(events))


def test_a_failure_keeps_its_reasons_and_a_retry_starts_clean(catalogue: Catalogue):
    judged, generation = samples.filled(catalogue, 2)
    samples.bring_to(catalogue, judged, "failed")
    catalogue.results.mark_failed(samples.take(catalogue, [generation])[0], "out of memory")
    assert catalogue.variants.get(judged).reasons == samples.failed(judged).reasons
    assert [tuple(reason) for reason in catalogue.variants.get(generation).reasons] == [("generation", "out of memory")]
    assert catalogue.decisions.retry_failed(samples.campaign().campaign_id) == 2
    for variant_id in (judged, generation):
        row = catalogue.variants.get(variant_id)
        assert (row.state, row.tries, row.clip, row.score, row.reasons, row.error) == (
            "planned",
            0,
            None,
            None,
            (),
            None,
        )


def test_a_variant_without_a_clip_can_be_neither_approved_nor_regated(catalogue: Catalogue):
    (variant_id,) = samples.filled(catalogue, 1)
    catalogue.results.mark_failed(samples.take(catalogue, [variant_id])[0], "out of memory")
    assert decide(catalogue, [variant_id], "approved", "ann", "please") == []
    assert catalogue.decisions.regate([samples.passed(variant_id)]) == 0
    assert catalogue.variants.get(variant_id).state == "failed"


def test_decisions_return_the_variants_they_changed(catalogue: Catalogue):
    ids = samples.filled(catalogue, 4)
    for variant_id in ids[:3]:
        samples.bring_to(catalogue, variant_id, "passed")
    assert decide(catalogue, [ids[1]], "rejected", "bob", "dull") == [ids[1]]
    assert decide(catalogue, [ids[2], *ids, "0" * 32], "approved", "ann") == [ids[2], ids[0]]
    assert catalogue.variants.events(variant_id=ids[1])[-1].detail == {"reason": "dull"}


def test_a_signed_variant_returns_to_signing_after_quarantine(catalogue: Catalogue):
    (variant_id,) = samples.filled(catalogue, 1)
    samples.bring_to(catalogue, variant_id, "signing")
    catalogue.decisions.quarantine([variant_id], "key taken")
    assert catalogue.variants.get(variant_id).error == "key taken"
    assert catalogue.decisions.retry_failed(samples.campaign().campaign_id, quarantined=True) == 1
    row = catalogue.variants.get(variant_id)
    assert (row.state, row.signed, row.error) == ("signing", samples.facts(variant_id), None)


def test_a_batch_commits_all_results_except_those_of_lost_leases(catalogue: Catalogue):
    ids = samples.filled(catalogue, 6)
    leases = samples.take(catalogue, ids)
    catalogue.results.mark_rendered(leases[5], samples.clip(ids[5]))
    catalogue.decisions.quarantine([ids[2]], "odd")
    catalogue.leases.release([leases[3]])
    samples.take(catalogue, [ids[3]])
    verdicts = [samples.failed(ids[4]) if index == 4 else samples.passed(ids[index]) for index in range(6)]
    lost = catalogue.results.record_batch(
        [
            (lease, samples.clip(lease.variant_id), samples.score(lease.variant_id), verdict)
            for lease, verdict in zip(leases, verdicts, strict=True)
        ]
    )
    assert lost == [ids[2], ids[3]]
    assert catalogue.progress.tally(samples.campaign().campaign_id) == {
        "passed": 3,
        "failed": 1,
        "quarantined": 1,
        "leased": 1,
    }


def test_the_database_refuses_a_second_published_event(catalogue: Catalogue):
    from sqlalchemy import insert
    from sqlalchemy.exc import IntegrityError

    from adapters.catalogue.core.tables import events

    (variant_id,) = samples.filled(catalogue, 1)
    samples.bring_to(catalogue, variant_id, "published")
    with catalogue.database.engine.connect() as connection, pytest.raises(IntegrityError):
        connection.execute(insert(events).values(variant_id=variant_id, to_state="published", actor="x"))


@pytest.mark.parametrize("state", ["approved", "signing"])
def test_a_variant_without_its_staged_files_is_planned_again(catalogue: Catalogue, state: str):
    (variant_id,) = samples.filled(catalogue, 1)
    lease = samples.bring_to(catalogue, variant_id, state) or samples.take(catalogue, [variant_id], [state])[0]
    catalogue.results.requeue(lease, "the master is gone")
    row = catalogue.variants.get(variant_id)
    assert (row.state, row.tries, row.clip, row.signed, row.lease_owner) == ("planned", 0, None, None, None)
    assert catalogue.variants.events(variant_id=variant_id)[-1].detail == {"reason": "the master is gone"}


def test_a_clip_keeps_what_its_provider_says(catalogue: Catalogue):
    [variant_id] = samples.filled(catalogue, 1)
    [lease] = samples.take(catalogue, [variant_id])
    paid = {"provider": "runway", "job_id": "7" * 32, "cost_micros": 300_000, "currency": "USD"}
    clip = replace(samples.clip(variant_id), **paid, cost_is_estimate=True, has_audio=True, codec="hevc")
    catalogue.results.mark_rendered(lease, clip)
    assert catalogue.variants.get(variant_id).clip == replace(clip, path=UNKNOWN, poster=UNKNOWN)
