"""Reviews: stale decisions, undo, blind second reviews, and the audit log of all decisions."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import samples
from decisions import decide
from sealed_catalogue import drop_triggers
from sqlalchemy import text

from adapters.catalogue import Catalogue, SignedFacts
from manifests.errors import CatalogueError

ANN, BEN = "person:ann", "person:ben"


def seen(catalogue: Catalogue, *ids: str) -> dict[str, int]:
    return {key: catalogue.variants.last_events([key])[key] for key in ids}


def variants_in(catalogue: Catalogue, *states: str) -> list[str]:
    ids = samples.filled(catalogue, len(states))
    for key, state in zip(ids, states, strict=True):
        samples.bring_to(catalogue, key, state)
    return ids


def test_a_decision_applies_only_to_clips_that_are_unchanged_since_seen(catalogue: Catalogue):
    first, second = variants_in(catalogue, "passed", "passed")
    looked_at = seen(catalogue, first, second)
    assert catalogue.reviews.record({second: looked_at[second]}, "rejected", BEN, codes=["brand"]).moved == (second,)

    decided = catalogue.reviews.record(looked_at, "approved", ANN)

    assert decided.moved == (first,)
    assert decided.refused == {second: "This clip has changed: person:ben set it to rejected. Review it again."}
    assert catalogue.variants.states([first, second]) == {first: "approved", second: "rejected"}


def test_a_decision_is_stale_even_if_the_other_one_was_undone(catalogue: Catalogue):
    [key] = variants_in(catalogue, "passed")
    looked_at = seen(catalogue, key)
    catalogue.reviews.record(looked_at, "rejected", BEN)
    catalogue.reviews.undo([key], BEN)

    assert not catalogue.reviews.record(looked_at, "approved", ANN).moved


@pytest.mark.parametrize(
    ("state", "outcome", "reason", "moves"),
    [
        ("passed", "approved", "", True),
        ("passed", "rejected", "", True),
        ("passed", "withdrawn", "", False),
        ("failed", "approved", "", False),
        ("failed", "approved", "good enough", True),
        ("failed", "rejected", "", True),
        ("published", "withdrawn", "rights", True),
        ("published", "rejected", "", False),
        ("planned", "approved", "sure", False),
        ("rejected", "approved", "sure", False),
        ("quarantined", "rejected", "", False),
    ],
)
def test_which_decisions_are_allowed(catalogue: Catalogue, state: str, outcome: str, reason: str, moves: bool):
    [key] = variants_in(catalogue, state)
    decided = catalogue.reviews.record(seen(catalogue, key), outcome, ANN, reason=reason)
    assert bool(decided.moved) == moves
    assert bool(decided.refused) != moves
    assert catalogue.variants.states([key]) == {key: outcome if moves else state}


@pytest.mark.parametrize("outcome", ["approved", "rejected"])
def test_a_failure_without_a_clip_cannot_be_decided(catalogue: Catalogue, outcome: str):
    [key] = samples.filled(catalogue, 1)
    catalogue.results.mark_failed(samples.take(catalogue, [key])[0], "out of memory")
    decided = catalogue.reviews.record(seen(catalogue, key), outcome, ANN, reason="please")
    assert "has no clip" in decided.refused[key]
    assert catalogue.variants.states([key]) == {key: "failed"}


@pytest.mark.parametrize("state", ["passed", "failed"])
@pytest.mark.parametrize("outcome", ["approved", "rejected"])
def test_undo_restores_the_previous_state(catalogue: Catalogue, state: str, outcome: str):
    [key] = variants_in(catalogue, state)
    catalogue.reviews.record(seen(catalogue, key), outcome, ANN, reason="why")
    assert catalogue.reviews.undo([key], BEN).moved == ()
    assert catalogue.reviews.undo([key], ANN).moved == (key,)
    assert catalogue.variants.states([key]) == {key: state}
    assert [review.undone for review in catalogue.reviews.all()] == [True]
    assert "cannot be undone" in catalogue.reviews.undo([key], ANN).refused[key]


def test_an_approval_cannot_be_undone_during_delivery(catalogue: Catalogue):
    [key] = variants_in(catalogue, "passed")
    catalogue.reviews.record(seen(catalogue, key), "approved", ANN)
    samples.take(catalogue, [key], ("approved",))
    assert catalogue.reviews.undo([key], ANN).moved == ()


def test_delivery_waits_while_a_decision_can_be_undone(catalogue: Catalogue):
    first, second, third = variants_in(catalogue, "passed", "passed", "passed")
    campaign_id = samples.campaign().campaign_id
    catalogue.reviews.record(seen(catalogue, first), "approved", ANN, undo_s=60)
    catalogue.reviews.record(seen(catalogue, second), "approved", ANN)
    decide(catalogue, [third], "approved", BEN)
    assert [row.variant_id for row in catalogue.variants.waiting(campaign_id, ["approved"])] == [second, third]


def test_a_withdrawn_clip_loses_its_url_when_its_files_are_removed(catalogue: Catalogue):
    [key] = variants_in(catalogue, "published")
    catalogue.reviews.record(seen(catalogue, key), "withdrawn", ANN, reason="rights ran out")
    assert isinstance(catalogue.variants.get(key).signed, SignedFacts)
    assert catalogue.variants.get(key).url
    catalogue.decisions.mark_removed(key)
    assert catalogue.variants.get(key).url is None


def test_an_admin_can_undo_decisions_of_others(catalogue: Catalogue):
    [key] = variants_in(catalogue, "passed")
    catalogue.reviews.record(seen(catalogue, key), "rejected", ANN)
    assert catalogue.reviews.undo([key], BEN).moved == ()
    assert catalogue.reviews.undo([key], BEN, all_people=True).moved == (key,)
    assert [review.undone for review in catalogue.reviews.all(variant_id=key)] == [True]
    assert catalogue.variants.states([key]) == {key: "passed"}
    assert catalogue.audit.verify().ok


def test_an_approval_by_policy_cannot_be_undone(catalogue: Catalogue):
    [key] = variants_in(catalogue, "passed")
    catalogue.decisions.approve([key])
    assert catalogue.reviews.undo([key], ANN, all_people=True).moved == ()
    assert catalogue.variants.states([key]) == {key: "approved"}


def test_a_clip_is_not_leased_while_its_decision_can_be_undone(catalogue: Catalogue):
    [key] = variants_in(catalogue, "passed")
    catalogue.reviews.record(seen(catalogue, key), "approved", ANN, undo_s=60)
    assert samples.take(catalogue, [key], ("approved", "signing")) == []
    catalogue.reviews.undo([key], ANN)
    catalogue.reviews.record(seen(catalogue, key), "approved", ANN)
    assert len(samples.take(catalogue, [key], ("approved", "signing"))) == 1


def test_a_policy_does_not_approve_a_clip_whose_approval_was_undone(catalogue: Catalogue):
    ids = variants_in(catalogue, "passed", "passed")
    catalogue.reviews.record(seen(catalogue, ids[0]), "approved", ANN)
    catalogue.reviews.undo([ids[0]], ANN)
    assert catalogue.variants.held_for_review(samples.campaign().campaign_id) == {ids[0]}


def test_two_admins_cannot_demote_each_other_concurrently(catalogue: Catalogue):
    for number in range(8):
        names = [f"a{number}", f"b{number}"]
        for name in names:
            catalogue.accounts.add(name, "admin", "test")
        for account in catalogue.accounts.all():
            if account.role == "admin" and account.name not in names:
                catalogue.accounts.change(account.name, "test", role="viewer")
        with ThreadPoolExecutor(2) as pool:
            results = [pool.submit(catalogue.accounts.change, name, "test", role="viewer") for name in names]
        assert sum(result.exception() is None for result in results) == 1


def test_verify_reads_a_consistent_state_during_writes(catalogue: Catalogue):
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            catalogue.audit.note(ANN, "token", "ann")

    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write) for _ in range(2)]
        try:
            reports = [catalogue.audit.verify() for _ in range(8)]
        finally:
            done.set()
    assert [problem for report in reports for problem in report.problems] == []
    assert all(writer.exception() is None for writer in writers)


def test_a_nan_score_does_not_affect_other_scores(catalogue: Catalogue):
    ids = samples.filled(catalogue, 2)
    leases = samples.take(catalogue, ids)
    catalogue.results.record_batch(
        [
            (lease, samples.clip(key), samples.score(key, value), samples.failed(key))
            for key, lease, value in zip(ids, leases, (float("nan"), 0.5), strict=True)
        ]
    )
    assert [row.prompt_adherence for row in catalogue.gallery.rows(ids)] == [None, 0.5]
    assert sum(each.number for each in catalogue.campaign_stats.score_bins(samples.campaign().campaign_id)) == 1


def test_unknown_reason_codes_are_refused(catalogue: Catalogue):
    [key] = variants_in(catalogue, "passed")
    with pytest.raises(CatalogueError, match=r"Unknown reason code 'ugly'\. Use prompt, brand"):
        catalogue.reviews.record(seen(catalogue, key), "rejected", ANN, codes=["ugly"])
    assert catalogue.variants.states([key]) == {key: "passed"}


def test_comments_keep_their_order(catalogue: Catalogue):
    [key] = variants_in(catalogue, "passed")
    catalogue.reviews.add_comment(key, ANN, " the logo <b>flickers</b>\x00 ", 0.5)
    catalogue.reviews.add_comment(key, BEN, "agreed")
    assert [(each.author, each.body, each.clip_s) for each in catalogue.reviews.comments(key)] == [
        (ANN, "the logo <b>flickers</b>\ufffd", 0.5),
        (BEN, "agreed", None),
    ]
    with pytest.raises(CatalogueError, match="empty"):
        catalogue.reviews.add_comment(key, ANN, "  ")
    with pytest.raises(CatalogueError, match="no variant"):
        catalogue.reviews.add_comment("0" * 32, ANN, "hello")


def test_a_second_review_is_blind_and_by_another_person(catalogue: Catalogue):
    ids = variants_in(catalogue, "passed", "failed", "passed")
    campaign_id = samples.campaign().campaign_id
    catalogue.reviews.record(seen(catalogue, *ids[:2]), "rejected", ANN)
    assert catalogue.blind_reviews.pending(campaign_id, BEN) == []
    catalogue.campaigns.set_second_share(campaign_id, 1.0, ANN)
    assert catalogue.blind_reviews.pending(campaign_id, ANN) == []
    assert catalogue.blind_reviews.pending(campaign_id, BEN) == ids[:2]

    catalogue.blind_reviews.add(ids[0], BEN, "approved")

    assert catalogue.blind_reviews.pending(campaign_id, BEN) == [ids[1]]
    assert catalogue.variants.states(ids)[ids[0]] == "rejected"
    assert [(each.author, each.outcome, each.blind) for each in catalogue.reviews.all(variant_id=ids[0])] == [
        (ANN, "rejected", False),
        (BEN, "approved", True),
    ]
    with pytest.raises(CatalogueError, match="already reviewed this clip"):
        catalogue.blind_reviews.add(ids[0], "person:cleo", "approved")
    for key, author in ((ids[0], BEN), (ids[1], ANN), (ids[2], BEN)):
        with pytest.raises(CatalogueError, match="by another person"):
            catalogue.blind_reviews.add(key, author, "approved")


def test_second_reviews_cover_about_the_given_share(catalogue: Catalogue):
    ids = samples.filled(catalogue, 60)
    for key in ids:
        samples.bring_to(catalogue, key, "passed")
    catalogue.reviews.record(seen(catalogue, *ids), "rejected", ANN)
    catalogue.campaigns.set_second_share(samples.campaign().campaign_id, 0.5, ANN)
    chosen = catalogue.blind_reviews.pending(samples.campaign().campaign_id, BEN)
    assert 15 <= len(chosen) <= 45
    assert all(key < "8" for key in chosen)


def test_threshold_and_share_have_bounds(catalogue: Catalogue):
    samples.filled(catalogue, 1)
    campaign_id = samples.campaign().campaign_id
    catalogue.campaigns.set_threshold(campaign_id, "starter", 0.31, ANN)
    assert catalogue.campaigns.get(campaign_id).thresholds == {"starter": 0.31}
    for call in (
        lambda: catalogue.campaigns.set_threshold(campaign_id, "starter", 1.5, ANN),
        lambda: catalogue.campaigns.set_second_share(campaign_id, -0.1, ANN),
        lambda: catalogue.campaigns.set_threshold("nothing", "starter", 0.5, ANN),
    ):
        with pytest.raises(CatalogueError):
            call()
    catalogue.campaigns.add(samples.campaign(), {"review": "auto"})
    assert catalogue.campaigns.get(campaign_id).thresholds == {"starter": 0.31}


def decided_audit(catalogue: Catalogue) -> list[str]:
    ids = variants_in(catalogue, "passed", "failed", "published", "passed")
    catalogue.reviews.record(seen(catalogue, ids[0]), "approved", ANN)
    catalogue.reviews.undo([ids[0]], ANN)
    catalogue.reviews.record(seen(catalogue, ids[1]), "rejected", ANN, codes=["prompt"], reason="ça alors \U0001f600")
    decide(catalogue, [ids[2]], "withdrawn", BEN, "rights")
    decide(catalogue, [ids[3]], "approved", BEN)
    catalogue.audit.note(BEN, "token", "ann", label="DAM")
    return ids


def test_every_decision_is_in_the_audit(catalogue: Catalogue):
    decided_audit(catalogue)
    report = catalogue.audit.verify()
    assert report.ok, report.problems
    entries = catalogue.audit.entries()
    recorded = [(entry.actor, entry.action) for entry in entries if entry.actor in (ANN, BEN)]
    assert recorded == [
        (BEN, "token"),
        (BEN, "approved"),
        (BEN, "withdrawn"),
        (ANN, "rejected"),
        (ANN, "passed"),
        (ANN, "approved"),
    ]
    assert entries[3].detail == {
        "from": "failed",
        "codes": ["prompt"],
        "reason": "ça alors \U0001f600",
        "clip_sha256": "c" * 64,
    }
    assert report.digest == entries[0].digest
    assert catalogue.audit.verify(entries[2].digest).ok
    assert [entry.audit_id for entry in catalogue.audit.entries(before=entries[0].audit_id, limit=1)] == [
        entries[1].audit_id
    ]


def tamper(catalogue: Catalogue, *statements: str) -> None:
    """Change the audit log like someone with full access to the database."""
    with catalogue.database.writing() as connection:
        drop_triggers(connection)
        for statement in statements:
            connection.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET detail = replace(detail, 'prompt', 'brand')",
        "UPDATE audit SET actor = 'person:eve' WHERE audit_id = 3",
        "UPDATE audit SET at_ms = at_ms + 1 WHERE audit_id = 2",
        "DELETE FROM audit WHERE audit_id = 2",
        "DELETE FROM audit WHERE audit_id = (SELECT max(audit_id) FROM audit)",
        "UPDATE audit_head SET entries = entries - 1",
        "DELETE FROM audit",
    ],
)
def test_any_change_to_the_audit_log_is_detected(catalogue: Catalogue, statement: str):
    decided_audit(catalogue)
    tamper(catalogue, statement)
    assert not catalogue.audit.verify().ok


def test_a_decision_missing_from_the_audit_log_is_detected(catalogue: Catalogue):
    [key] = variants_in(catalogue, "passed")
    with catalogue.database.writing() as connection:
        connection.execute(text("UPDATE variants SET state = 'approved'"))
        connection.execute(
            text(
                "INSERT INTO events (variant_id, at, actor, from_state, to_state, detail) "
                f"VALUES ('{key}', 0, 'person:eve', 'passed', 'approved', '{{}}')"
            )
        )
    assert catalogue.audit.verify().problems == (
        f"person:eve set variant {key} to approved, but the log has no entry for it.",
        f"The approval of variant {key} (approved) is not proven: the audit log does not say that person:eve approved "
        "it.",
    )


def test_a_rewritten_audit_log_is_detected_by_a_recorded_digest(catalogue: Catalogue):
    decided_audit(catalogue)
    assert catalogue.audit.verify("a" * 64).problems[0].startswith("No entry has the digest")


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'eve'", "DELETE FROM audit", "TRUNCATE audit"])
def test_the_database_refuses_changes_to_the_audit_log(catalogue: Catalogue, statement: str):
    decided_audit(catalogue)
    if statement.startswith("TRUNCATE") and catalogue.database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no TRUNCATE")
    with pytest.raises(CatalogueError, match="only ever added to"), catalogue.database.writing() as connection:
        connection.execute(text(statement))
    assert catalogue.audit.verify().ok
